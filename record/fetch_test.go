package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A new process sets what the former one had, in more than one chunk. Nobody
// may see a key vanish meanwhile.
func TestRestartWithManyKeys(t *testing.T) {
	c, a, b, d := trio(t, 81)
	fill := func() {
		for i := range 5000 {
			a.set(fmt.Sprint("k", i), strings.Repeat("v", 200))
		}
	}
	fill()
	c.settle(10 * time.Second)
	c.part(a)
	a.boot()
	fill()
	a.set("more", "1")
	seen := c.events(b)
	c.meet(a, b)
	c.meet(a, d)
	c.settle(20 * time.Second)
	mustEqual(t, *seen, `set a/more "1" was ""`)
	if s := b.Stats(); s.Resets != 1 {
		t.Errorf("%d resets", s.Resets)
	}
}

// What is being fetched by one stream is not asked for by another.
func TestOneStreamPerOwner(t *testing.T) {
	c, a, b, d := trio(t, 82)
	c.run(5*time.Second, nil)
	source := a.Core.byName["b"]
	ask := func(owner *node) []Stream {
		m := a.Core.byName[owner.name]
		a.wantFrom(m, source, m.cur.gen+1, 9, 0, 0)
		a.Tick(c.time())
		return a.Ready().Streams
	}
	first := ask(d)
	second := ask(b)
	if len(first) != 1 || len(second) != 1 {
		t.Fatalf("%d and %d streams", len(first), len(second))
	}
	if r := string(second[0].Request); !strings.Contains(r, "\x01b") || strings.Contains(r, "\x01d") {
		t.Errorf("second stream asks %q", r)
	}
	if again := ask(d); len(again) != 0 {
		t.Error("asked twice for the same")
	}
}

// When the one who spoke of news cannot be reached, its owner is asked.
func TestTheOwnerIsAskedNext(t *testing.T) {
	c := newCluster(t, 83)
	c.config = func(cfg *Config) { cfg.SyncInterval = 0 }
	a, b, d := c.add("a"), c.add("b"), c.add("d")
	c.meetAll()
	c.run(2*time.Second, nil)
	c.loss = 1
	a.set("x", "1")
	c.run(5*time.Second, nil)
	c.cut = func(x, y *node) bool { return x == d || y == d }
	m := b.Core.byName["a"]
	b.wantFrom(m, b.Core.byName["d"], a.Generation(), 1, 0, 0)
	b.arm()
	if !c.run(5*time.Second, func() bool { return b.get("a", "x") == "1" }) {
		t.Errorf("not fetched: %+v", b.Stats())
	}
}

// A copy that is being made for nothing, since the other one has caught up, is
// let go of.
func TestStagedInVain(t *testing.T) {
	c, a, _, _ := trio(t, 84)
	m := a.Core.byName["b"]
	gen := uint64(1) << 61
	piece := func(from, to, asOf, floor uint64) *segment {
		g := &segment{gen: gen, from: from, to: to, asOf: asOf, floor: floor}
		for v := from + 1; v <= to; v++ {
			e := entry{version: v, data: fmt.Appendf(nil, "k%d", v), klen: uint16(len(fmt.Sprint("k", v)))}
			g.raw = appendEntry(g.raw, &e, v-1)
		}
		return g
	}
	for i, step := range []struct {
		g      *segment
		want   outcome
		staged bool
	}{
		{piece(0, 5, 5, 0), applied, false},
		{piece(7, 9, 9, 0), gap, false},
		{piece(12, 13, 20, 10), gap, false},  // too far behind for that
		{piece(0, 2, 20, 10), applied, true}, // so it begins anew
		{piece(0, 2, 20, 10), known, true},
		{piece(3, 5, 20, 15), gap, true},
		{piece(5, 20, 20, 4), applied, false}, // from somebody who has more tombstones
		{piece(0, 20, 20, 4), known, false},
	} {
		if got := a.merge(m, step.g); got != step.want || (m.next != nil) != step.staged {
			t.Fatalf("step %d: %v, staged %v", i, got, m.next != nil)
		}
		if err := a.Check(); err != nil {
			t.Fatal(err)
		}
	}
	if m.cur.at != 20 || m.cur.live != 20 {
		t.Errorf("at %d with %d keys", m.cur.at, m.cur.live)
	}
	c.run(time.Second, nil)
}

// Nobody is believed who calls itself by the receiver's name, or is unknown.
func TestSenders(t *testing.T) {
	c, a, _, _ := trio(t, 85)
	stranger := c.add("stranger")
	for _, n := range []*node{a, stranger} {
		if err := a.Step(c.time(), n.addr, n.packet()); !errors.Is(err, ErrUnknown) {
			t.Errorf("a packet of %s: %v", n.name, err)
		}
	}
	for _, b := range [][]byte{nil, {210}, {211, 1, 'b'}, append(a.Core.packet(), 99)} {
		if err := a.Step(c.time(), a.addr, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", b, err)
		}
	}
}
