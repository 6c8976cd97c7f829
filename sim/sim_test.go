package sim

import (
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/internal/script/scripttest"
	"github.com/musterhq/muster/swim"
)

// TestSchedules runs random schedules with the invariants on, and demands that
// what happens sometimes happened.
func TestSchedules(t *testing.T) {
	const runs = 120
	var all Counts
	for seed := range uint64(runs) {
		s := Generate(seed, 3+int(seed%7))
		r := s.Run(Options{})
		if r.Err != nil {
			t.Fatalf("%v\n%v", r.Err, s)
		}
		all.Add(&r.Counts)
	}
	rare := []Counter{Compressed, Overflowed, Oversize, LateConvergence} // see the big sweep
	for c := range Counters {
		if all[c] == 0 && !slices.Contains(rare, c) {
			t.Errorf("%v: none in %d runs", c, runs)
		}
	}
}

// TestLarge runs a few schedules of a cluster whose news do not fit a packet.
func TestLarge(t *testing.T) {
	var all Counts
	for seed := range uint64(3) {
		s := Generate(seed, 32)
		r := s.Run(Options{})
		if r.Err != nil {
			t.Fatalf("%v\n%v", r.Err, s)
		}
		all.Add(&r.Counts)
	}
	if all[Compressed] == 0 {
		t.Error("no packet was compressed")
	}
}

// The same seed gives the same run, on one processor or two, and another seed
// another.
func TestSameSeedSameRun(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	hashes := make(map[uint64]uint64)
	for _, procs := range []int{1, 2} {
		runtime.GOMAXPROCS(procs)
		for seed := range uint64(14) {
			r := Generate(seed, 3+int(seed%7)).Run(Options{})
			if old, ok := hashes[seed]; ok && old != r.Hash {
				t.Errorf("seed %d: hash %x, then %x", seed, old, r.Hash)
			}
			hashes[seed] = r.Hash
		}
	}
	seen := make(map[uint64]bool)
	for _, h := range hashes {
		seen[h] = true
	}
	if len(seen) != len(hashes) {
		t.Errorf("%d seeds gave %d different runs", len(hashes), len(seen))
	}
}

// Watching a run does not change it.
func TestTraceChangesNothing(t *testing.T) {
	lines := 0
	watched := Generate(3, 6).Run(Options{Trace: func(Line) { lines++ }, Dense: true})
	if blind := Generate(3, 6).Run(Options{Unchecked: true}); watched.Hash != blind.Hash {
		t.Errorf("hash %x watched, %x not", watched.Hash, blind.Hash)
	}
	if lines == 0 {
		t.Error("the trace is empty")
	}
}

// TestFailures replays what once failed.
func TestFailures(t *testing.T) {
	scripttest.Walk(t, "testdata/failures", func(t *testing.T) func(*script.Command) string {
		return func(c *script.Command) string {
			s, err := ParseScenario(c)
			if err != nil {
				t.Fatal(err)
			}
			r := s.Run(Options{})
			return r.Verdict()
		}
	})
}

// Each member probes each other one within 2n-1 periods (SWIM, section 4.3):
// invariant 13, seen from outside.
func TestRoundRobin(t *testing.T) {
	const nodes = 9
	last := make(map[string]time.Duration)
	var longest time.Duration
	c, err := New(Options{Seed: 1, Nodes: nodes, Trace: func(l Line) {
		if l.Kind != LinePacket || !strings.HasPrefix(l.Text, "ping") || l.At < 5*time.Second {
			return
		}
		pair := l.From + ">" + l.To
		if at, ok := last[pair]; ok {
			longest = max(longest, l.At-at)
		}
		last[pair] = l.At
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(3 * time.Minute); err != nil {
		t.Fatal(err)
	}
	const bound = (2*(nodes-1) - 1) * time.Second
	if longest > bound || len(last) != nodes*(nodes-1) {
		t.Errorf("%d pairs, longest gap %v, want %d and at most %v", len(last), longest, nodes*(nodes-1), bound)
	}
}

// An idle cluster costs two messages per node and period, and next to no
// memory: the engine recycles its events and buffers.
func TestIdle(t *testing.T) {
	const nodes = 20
	c, err := New(Options{Seed: 1, Nodes: nodes, Unchecked: true, Config: func(int) swim.Config {
		cfg := swim.LAN()
		cfg.PushPullInterval = time.Hour
		return cfg
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	before := c.Counts()
	var events uint64
	allocs := testing.AllocsPerRun(1, func() {
		if err := c.RunFor(50 * time.Second); err != nil {
			t.Fatal(err)
		}
	})
	after := c.Counts()
	events = after[Events] - before[Events]
	if per := allocs / float64(events); per > 0.05 {
		t.Errorf("%.2f allocations per event", per)
	}
	// AllocsPerRun runs twice.
	if per := float64(after[Packets]-before[Packets]) / nodes / 100; per < 1.9 || per > 2.1 {
		t.Errorf("%.2f messages per node and period, want 2.0", per)
	}
}

func BenchmarkIdle128(b *testing.B) {
	for b.Loop() {
		c, err := New(Options{Seed: 1, Nodes: 128, Unchecked: true})
		if err != nil {
			b.Fatal(err)
		}
		if err := c.Run(5 * time.Minute); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(300*float64(b.N)/b.Elapsed().Seconds(), "x-real-time")
}
