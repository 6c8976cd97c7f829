package muster_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
	"github.com/musterhq/muster/swim"
)

// What applications take part in, on virtual time.

// log collects lines from callbacks.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *log) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

func (l *log) has(line string) bool { return slices.Contains(l.all(), line) }

// TestUserStateTravels: each side's state reaches the other with a join and with
// the exchanges that follow, also one of megabytes.
func TestUserStateTravels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		var got [2]log
		size := 0
		nodes := [2]*muster.Node{}
		for i := range nodes {
			nodes[i] = mustertest.Start(t, network, fmt.Sprintf("n%d", i), func(c *muster.Config) {
				c.LocalState = func(join bool) []byte {
					return []byte(fmt.Sprintf("n%d join=%v %s", i, join, strings.Repeat("x", size)))
				}
				c.MergeState = func(state []byte, join bool) {
					s, _, _ := strings.Cut(string(state), " x")
					got[i].add("%s, merged join=%v, %d", strings.TrimSpace(s), join, len(state)/1000)
				}
			})
		}
		ctx := t.Context()
		if _, err := nodes[1].Join(ctx, network.Addr("n0").String()); err != nil {
			t.Fatal(err)
		}
		for _, n := range nodes {
			if err := n.Flush(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if !got[0].has("n1 join=true, merged join=true, 0") || !got[1].has("n0 join=true, merged join=true, 0") {
			t.Fatalf("after a join: %q, %q", got[0].all(), got[1].all())
		}
		size = 3_000_000
		mustertest.Await(t, "megabytes of state with a periodic exchange, both ways", func() bool {
			return got[0].has("n1 join=false, merged join=false, 3000") && got[1].has("n0 join=false, merged join=false, 3000")
		})
	})
}

// TestFlushWaitsForAnswers: after a join and a flush the application knows all
// members, though it was asked about each.
func TestFlushWaitsForAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		mustertest.Cluster(t, network, 5, nil)
		var seen log
		late := mustertest.Start(t, network, "late", func(c *muster.Config) {
			c.VetAlive = func(muster.Member) error { time.Sleep(time.Millisecond); return nil }
			c.VetMerge = func([]muster.Member) error { time.Sleep(time.Millisecond); return nil }
			c.OnEvent = func(e muster.Event) { seen.add("%v %s", e.Kind, e.Member.Name) }
		})
		if _, err := late.Join(t.Context(), network.Addr("n0").String()); err != nil {
			t.Fatal(err)
		}
		if err := late.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := seen.all(); len(got) != 6 || got[0] != "joined late" {
			t.Fatalf("told %q", got)
		}
	})
}

func TestPingOnDemand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Delay: 7 * time.Millisecond})
		nodes := mustertest.Cluster(t, network, 2, nil)
		if rtt, err := nodes[0].Ping(t.Context(), "n1", netip.AddrPort{}); err != nil || rtt != 14*time.Millisecond {
			t.Errorf("%v, %v", rtt, err)
		}
		if _, err := nodes[0].Ping(t.Context(), "nobody", netip.AddrPort{}); !errors.Is(err, muster.ErrUnknown) {
			t.Errorf("a stranger without an address: %v", err)
		}
		if _, err := nodes[0].Ping(t.Context(), "other", network.Addr("n1")); !errors.Is(err, swim.ErrNoAnswer) {
			t.Errorf("somebody else's address: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := nodes[0].Ping(ctx, "n1", netip.AddrPort{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("less time than it takes: %v", err)
		}
	})
}

// TestWatchKinds: a subscription gets what it asks for; events carry the
// metadata as it was.
func TestWatchKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 4, func(i int, c *muster.Config) {
			c.Meta, c.LeaveGrace = fmt.Appendf(nil, "m%d", i), time.Second
		})
		var usual, all log
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var done sync.WaitGroup
		watch := func(to *log, kinds ...muster.EventKind) {
			done.Go(func() {
				for e := range nodes[0].Watch(ctx, kinds...) {
					if e.Kind == muster.MemberJoined && e.OldMeta == nil && len(to.all()) < 4 {
						to.add("present")
						continue
					}
					to.add("%v %s %s>%s", e.Kind, e.Member.Name, e.OldMeta, e.Member.Meta)
				}
			})
		}
		watch(&usual)
		watch(&all, muster.MemberJoined, muster.MemberSuspected, muster.MemberRecovered, muster.MemberFailed)
		mustertest.Await(t, "the snapshot", func() bool { return len(usual.all()) == 4 && len(all.all()) == 4 })
		if err := nodes[1].SetMeta([]byte("new")); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "an update", func() bool { return usual.has("updated n1 m1>new") })
		if err := nodes[2].Leave(ctx); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "a leave", func() bool { return usual.has("leaving n2 m2>m2") && usual.has("left n2 m2>m2") })
		network.Isolate("n3")
		mustertest.Await(t, "a suspicion", func() bool { return all.has("suspected n3 >m3") })
		network.Heal()
		mustertest.Await(t, "a recovery", func() bool { return all.has("recovered n3 >m3") })
		network.Isolate("n3")
		mustertest.Await(t, "a death", func() bool { return usual.has("failed n3 m3>m3") && all.has("failed n3 m3>m3") })
		cancel()
		done.Wait()
		for _, line := range usual.all() {
			if strings.Contains(line, "suspected") || strings.Contains(line, "recovered") {
				t.Errorf("not asked for: %s", line)
			}
		}
		if all.has("updated n1 m1>new") {
			t.Error("an update was not asked for")
		}
	})
}

// TestAddressesAreMapped: where members cannot be reached at what they
// advertise, each node knows where instead.
func TestAddressesAreMapped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		outside := func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), 7946)
		}
		var inside [3]netip.AddrPort
		for i := range inside {
			inside[i] = network.Addr(fmt.Sprintf("n%d", i))
		}
		nodes := make([]*muster.Node, 3)
		for i := range nodes {
			nodes[i] = mustertest.Start(t, network, fmt.Sprintf("n%d", i), func(c *muster.Config) {
				c.Advertise = outside(i).String()
				c.MapAddr = func(a netip.AddrPort) netip.AddrPort {
					for j := range inside {
						if a == outside(j) {
							return inside[j]
						}
					}
					return a
				}
			})
		}
		for _, n := range nodes[1:] {
			if _, err := n.Join(t.Context(), outside(0).String()); err != nil {
				t.Fatal(err)
			}
		}
		mustertest.AwaitMembers(t, nodes...)
		if m, _ := nodes[1].Member("n2"); m.Addr != outside(2) {
			t.Errorf("n2 is at %v", m.Addr)
		}
		if err := nodes[1].Send(t.Context(), "n2", []byte("x")); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // of probes, all of which must get through
		mustertest.AwaitMembers(t, nodes...)
	})
}

func TestAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 4, nil)
		if err := nodes[0].SetMeta([]byte("x")); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := nodes[0].Announced(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took == 0 || took > 10*time.Second {
			t.Errorf("it took %v", took)
		}
		for _, n := range nodes {
			if m, _ := n.Member("n0"); string(m.Meta) != "x" {
				t.Errorf("%s has %q", n.Local().Name, m.Meta)
			}
		}
		if err := nodes[0].Announced(t.Context()); err != nil || time.Since(began) > 10*time.Second {
			t.Errorf("nothing to announce: %v", err)
		}
	})
}
