package record

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// pair makes two members that know each other and the same owners, whose
// records are put in place without any exchange.
func pair(t testing.TB, owners int) (c *cluster, a, b *node) {
	c = newCluster(t, 61)
	a, b = c.add("a"), c.add("b")
	for i := range owners {
		name := fmt.Sprintf("owner-%05d", i)
		for _, n := range []*node{a, b} {
			// Known and retained, but not there to talk to.
			n.Core.PeerUp(c.time(), name, n.addr)
			n.Core.PeerDown(c.time(), name)
			n.plant(name, 3)
		}
	}
	c.meet(a, b)
	c.run(5*time.Second, nil)
	for _, n := range []*node{a, b} {
		n.stats.SyncBytes = 0
	}
	return c, a, b
}

// plant brings a copy up to a version, as a segment from its owner would.
func (n *node) plant(owner string, version uint64) {
	s := newState(uint64(n.c.start.UnixNano()), n.seed)
	for v := uint64(1); v <= version; v++ {
		key := fmt.Sprint("key-", v)
		s.put(entry{version: v, data: []byte(key + "some value"), klen: uint16(len(key))})
		s.reached(v, v)
	}
	m := n.Core.byName[owner]
	b, _, _ := appendSegment(nil, nil, &s, m.cur.at, s.at, 1<<20)
	var g segment
	d := decoder{b: b}
	if g.decode(&d); d.bad {
		n.c.t.Fatal("segment does not decode")
	}
	if got := n.merge(m, &g); got != applied {
		n.c.t.Fatalf("planting gave %v", got)
	}
	n.queue.clear() // nobody is to hear of it
	n.Ready()
}

// TestSyncBytes holds the cost of comparing the records of many owners to the
// difference: equal ones cost a digest, others less than 100 bytes each for
// the comparison (three symbols, a hash, a digest), besides the records.
func TestSyncBytes(t *testing.T) {
	for _, owners := range []int{1000, 10_000} {
		for _, diff := range []int{0, 10, 1000} {
			c, a, b := pair(t, owners)
			for i := range diff {
				n := []*node{a, b}[i%2]
				n.plant(fmt.Sprintf("owner-%05d", i*owners/max(diff, 1)), 4)
			}
			c.streamed = 0
			before := a.Stats()
			a.nextSync = a.now // now rather than in a while
			b.nextSync = b.now.add(time.Hour)
			a.arm()
			c.run(6*time.Second, nil)
			s := a.Stats()
			bytes := s.SyncBytes
			t.Logf("%5d owners, %4d differ: %6d bytes of comparison, %6d in all", owners, diff, bytes, c.streamed)
			if s.Syncs == before.Syncs {
				t.Fatal("nothing was compared")
			}
			if most := uint64(250 + 100*diff); bytes > most {
				t.Errorf("comparison took %d bytes, want at most %d", bytes, most)
			}
			if a.Digest() != b.Digest() {
				t.Error("not the same afterwards")
			}
			if diff == 0 && s.SyncsEqual == before.SyncsEqual {
				t.Error("equal, but not found to be")
			}
		}
	}
}

// The set changes while it is being compared: whatever comes of that, it ends,
// and the next comparison finds the rest.
func TestSyncOfAMovingTarget(t *testing.T) {
	c := newCluster(t, 62)
	c.delay = 50 * time.Millisecond
	c.config = func(cfg *Config) { cfg.SyncInterval, cfg.Fanout = time.Second, 1 }
	c.loss = 0.9
	for i := range 30 {
		c.add(fmt.Sprint("n", i))
	}
	c.meetAll()
	for i := range 300 {
		c.nodes[c.r.IntN(30)].set(fmt.Sprint("k", i%50), fmt.Sprint(i))
		c.run(20*time.Millisecond, nil)
	}
	c.settle(20 * time.Second)
}

// A stream that fails leaves nothing behind, and what it was to fetch comes
// some other way.
func TestStreamsThatFail(t *testing.T) {
	c, a, b, _ := trio(t, 63)
	for i := range 3000 {
		a.set(fmt.Sprint("k", i), "some value of a usual length")
	}
	fail := true
	c.cut = func(x, y *node) bool { return fail && c.r.IntN(2) == 0 }
	c.run(10*time.Second, nil)
	fail = false
	c.settle(30 * time.Second)
	if s := b.Stats(); s.Streams != 0 || s.Wanted != 0 {
		t.Errorf("%d streams, %d wants are left", s.Streams, s.Wanted)
	}
}

// A shell that never tells how a stream ended must not block the core.
func TestStreamsThatAreForgotten(t *testing.T) {
	c := newCluster(t, 64)
	a, b := c.add("a"), c.add("b")
	c.meet(a, b)
	now := c.time()
	for i := range 10 {
		hint := digest{name: []byte("b"), gen: b.Generation() + 1, version: uint64(i + 1)}
		hint.logGen = hint.gen
		packet := hint.append(append(b.packet(), itemHint))
		if err := a.Step(now, b.addr, packet); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
		a.Tick(now)
		if rd := a.Ready(); i > 0 && len(rd.Streams) == 0 {
			t.Fatalf("round %d: no stream is asked for", i)
		}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if next := a.StreamDone(now, 1, nil, nil); next != nil {
		t.Error("a stream that was given up goes on")
	}
}

func TestHostileRequests(t *testing.T) {
	c, a, _, _ := trio(t, 65)
	for _, request := range [][]byte{
		nil, {210}, framed(a.request(99)), framed(append(a.request(requestRoot), 1, 2)),
		framed(append(a.request(requestPull), 1)), framed(append(a.request(requestDiff), 255, 255, 255)),
		framed(append(a.request(requestSymbols), 0, 0, 0, 0, 0, 0, 0, 0, 9, 2)),
	} {
		if _, err := a.Serve(c.time(), a.addr, request); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", request, err)
		}
	}
}
