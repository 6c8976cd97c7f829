package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/server/bench/peers"
)

// self is a system that is this process.
type self struct{}

func (self) Name() string { return "self" }
func (self) PIDs() []int  { return []int{os.Getpid()} }
func (self) Close()       {}

// ledger notes what is done and undone.
type ledger struct {
	mu   sync.Mutex
	have map[uint64]bool
	most int
}

var errLedger = errors.New("it was done already, or not yet")

func (l *ledger) dial(context.Context, int, int) (peers.Client, error) {
	note := func(n uint64, to bool) error {
		time.Sleep(100 * time.Microsecond) // the work
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.have[n] == to {
			return errLedger
		}
		l.have[n] = to
		if to {
			l.most++
		}
		return nil
	}
	return peers.Client{
		Do: func(n uint64) error { return note(n, true) }, Undo: func(n uint64) error { return note(n, false) },
		Close: func() error { return nil },
	}, nil
}

// What one client does no other does, what is undone was done, and with enough
// time nothing is left.
func TestDrive(t *testing.T) {
	l := &ledger{have: make(map[uint64]bool)}
	g, err := gather(t.Context(), contender{"ledger", self{}, l.dial}, 7, 0)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s, err := g.drive(t.Context(), 0, 100*time.Millisecond, false)
		if err != nil || s.Rate <= 0 || s.P50 < 0.1 || s.P99 < s.P50 {
			t.Fatalf("%+v %v", s, err)
		}
	}
	if _, err := g.drive(t.Context(), 0, 30*time.Second, true); err != nil {
		t.Fatal(err)
	}
	for n, there := range l.have {
		if there {
			t.Fatalf("number %d was not undone", n)
		}
	}
	if l.most < 7*3 {
		t.Fatalf("%d calls", l.most)
	}
	g.clients[0].Do = func(uint64) error { return errLedger }
	if _, err := g.drive(t.Context(), 0, 50*time.Millisecond, false); !errors.Is(err, errLedger) {
		t.Fatalf("a call that failed: %v", err)
	}
}

func TestQuantiles(t *testing.T) {
	var all []time.Duration
	for i := 101; i > 0; i-- {
		all = append(all, time.Duration(i)*time.Millisecond)
	}
	if p50, p99 := quantiles(all); p50 != 51 || p99 != 100 {
		t.Errorf("median %v, p99 %v", p50, p99)
	}
	for want, of := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 2, 3}} {
		if got := median(slices.Clone(of)); got != want {
			t.Errorf("the median of %v is %v", of, got)
		}
	}
}

// The ratio is that within each round, and a target that is missed is said so.
func TestNote(t *testing.T) {
	b := &bench{log: &bytes.Buffer{}}
	c := comparison{contenders: []contender{{label: "ours"}, {label: "theirs"}}}
	b.note("row", c, 16, [][]sample{{{Rate: 100}, {Rate: 300}, {Rate: 200}}, {{Rate: 50}, {Rate: 100}, {Rate: 400}}}, []target{{"theirs", 16, 2.5}, {"theirs", 1, 1}})
	if l := b.report.Compared[1]; l.Ratio != 2 || l.Target != 2.5 || l.Met || l.Rate != 100 || l.Low != 50 || l.High != 400 {
		t.Errorf("%+v", l)
	}
	b.figure(figure{Name: "small enough", Value: 5, Most: 6})
	var out strings.Builder
	if err := b.report.print(&out); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !b.report.missed() || !strings.Contains(s, "muster x2.00, target 2.5: MISSED") || !strings.Contains(s, "target 6: met") {
		t.Errorf("%v\n%s", b.report.missed(), s)
	}
}
