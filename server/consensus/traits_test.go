package consensus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The engine's versions matter: raft-wal 0.4.0, which is what "latest" gives,
// panics on restart, and repairTail is written for 0.4.1.
func TestEngineVersions(t *testing.T) {
	mod, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/hashicorp/raft v1.8.0", "github.com/hashicorp/raft-wal v0.4.1"} {
		if !strings.Contains(string(mod), "\t"+want) {
			t.Errorf("go.mod does not say %s, for which this package is written", want)
		}
	}
}

// Followers hear of a commit at once, however rarely the engine would tell them.
func TestCommitNotice(t *testing.T) {
	c := newCluster(t, three, func(_ string, o *Options) { o.CommitTimeout = 20 * time.Second }).startAll()
	for i := range 20 {
		writer := c.node(three[i%3])
		if i%3 == 2 {
			// The entry itself comes late to one, after the others agreed on it.
			slow := c.followersOf(writer.opts.ID)
			slow = slices.DeleteFunc(slow, func(s string) bool { return s == c.leader() })
			c.net.cutLink(c.leader(), slow[0], true)
			time.AfterFunc(30*time.Millisecond, func() { c.net.cutLink(c.leader(), slow[0], false) })
		}
		writer.must(t, fmt.Sprintf("set k %d", i))
		begin := time.Now()
		for _, name := range three {
			eventually(t, 10*time.Second, "application at "+name, func() error {
				if got := c.node(name).fsm.get("k"); got != fmt.Sprint(i) {
					return fmt.Errorf("k is %q", got)
				}
				return nil
			})
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("write %d was everywhere after %v", i, d)
		}
	}
}

// Reads that wait together share an exchange with the majority, and writes that
// wait together share an entry.
func TestSharing(t *testing.T) {
	c := newCluster(t, three, nil).startAll()
	var wg sync.WaitGroup
	const callers, each = 64, 20
	for i := range callers {
		n := c.node(three[i%3])
		wg.Add(1)
		go func() {
			defer wg.Done()
			for range each {
				if err := n.Linearizable(t.Context()); err != nil {
					t.Error(err)
				}
				if _, err := n.Propose(t.Context(), fmt.Appendf(nil, "add k%d x", i)); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	var sum Metrics // whoever led meanwhile
	for _, name := range three {
		m := c.node(name).Metrics()
		sum.ReadRounds += m.ReadRounds
		sum.EntriesMade += m.EntriesMade
		sum.CommandsMade += m.CommandsMade
		sum.ForwardedIn += m.ForwardedIn
		if m.Proposals == 0 || m.Reads == 0 || m.ProposalSeconds.Count != m.Proposals || m.AppendSeconds.Count == 0 {
			t.Errorf("metrics of %s: %+v", name, m)
		}
	}
	if sum.ReadRounds > callers*each/2 {
		t.Errorf("%d exchanges for %d reads", sum.ReadRounds, callers*each)
	}
	if sum.CommandsMade < callers*each || sum.EntriesMade > sum.CommandsMade/2 || sum.ForwardedIn == 0 {
		t.Errorf("%d entries for %d commands, %d of them forwarded", sum.EntriesMade, sum.CommandsMade, sum.ForwardedIn)
	}
	c.same()
}

// The answer to a write comes when the local FSM has it, or, if that takes too
// long, when the caller has no more time: it is kept, so it is no error.
func TestSlowLocalApply(t *testing.T) {
	c := newCluster(t, three, nil).startAll()
	slow := c.node(c.followers()[0])
	gate := make(chan struct{})
	slow.fsm.mu.Lock()
	slow.fsm.slow = func() { <-gate }
	slow.fsm.mu.Unlock()
	begin := time.Now()
	if _, err := slow.Propose(shortly(t, 500*time.Millisecond), []byte("set k v")); err != nil {
		t.Errorf("a write that was kept: %v", err)
	}
	if d := time.Since(begin); d < 400*time.Millisecond {
		t.Errorf("answered after %v, before it was applied here", d)
	}
	if err := slow.Linearizable(shortly(t, 200*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a read before it was applied here: %v", err)
	}
	eventually(t, 5*time.Second, "loss of readiness", func() error {
		if slow.Ready() == nil {
			return errors.New("still ready")
		}
		return nil
	})
	close(gate)
	c.waitReady(three...)
	c.same()
}

func TestProgress(t *testing.T) {
	var p progress
	done := make(chan uint64, 100)
	for i := range uint64(100) {
		go func() {
			if p.wait(context.Background(), 100-i) == nil {
				done <- 100 - i
			}
		}()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.wait(ctx, 50); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait that was given up: %v", err)
	}
	for i := uint64(10); i <= 100; i += 10 {
		p.reach(i)
		for range 10 {
			if got := <-done; got > i {
				t.Fatalf("%d was told at %d", got, i)
			}
		}
	}
	if len(p.waiting) != 0 {
		t.Errorf("%d still wait", len(p.waiting))
	}
}

func TestAuthorWindow(t *testing.T) {
	a := newAuthor(3)
	var seqs []uint64
	for range 3 {
		c, err := a.begin(t.Context(), nil)
		if err != nil || c.floor != 1 {
			t.Fatalf("%+v, %v", c, err)
		}
		seqs = append(seqs, c.seq)
	}
	if _, err := a.begin(shortly(t, 10*time.Millisecond), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fourth: %v", err)
	}
	a.end(seqs[1]) // not the oldest: no room yet
	if _, err := a.begin(shortly(t, 10*time.Millisecond), nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a fourth: %v", err)
	}
	a.end(seqs[0])
	if c, err := a.begin(t.Context(), nil); err != nil || c.floor != 3 || c.seq != 4 {
		t.Errorf("%+v, %v", c, err)
	}
	if a.waiting() != 2 {
		t.Errorf("%d wait", a.waiting())
	}
}
