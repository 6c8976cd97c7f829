package swim

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/internal/sketch"
	"github.com/musterhq/muster/wire"
)

// two are members that know each other, and that nobody disturbs.
type two struct {
	t    testing.TB
	a, b *Core
	now  time.Time
}

// exchanged is what an exchange took.
type exchanged struct {
	rounds   int
	there    int // bytes from the initiator
	back     int
	pushPull bool
	err      error
}

func (e exchanged) bytes() int { return e.there + e.back }

// newTwo makes a and b, which both also know the members of a push/pull.
func newTwo(t testing.TB, msg []byte, change func(*Config)) *two {
	t.Helper()
	w := &two{t: t, now: start}
	w.a, w.b = w.core("a", 65000, change), w.core("b", 65001, change)
	for _, c := range []*Core{w.a, w.b} {
		w.give(c, msg)
		for _, other := range []*Core{w.a, w.b} {
			self := other.table.at(selfID).nodeState()
			w.give(c, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{self}, nil))
		}
	}
	return w
}

func (w *two) core(name string, addr int, change func(*Config)) *Core {
	w.t.Helper()
	cfg := LAN()
	cfg.Name, cfg.Addr, cfg.Seed, cfg.Caps = name, peerAddr(addr), uint64(addr), wire.CapSync
	if change != nil {
		change(&cfg)
	}
	c, err := New(w.now, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// give lets a core take in a push/pull, and forget that it is news.
func (w *two) give(c *Core, msg []byte) {
	w.t.Helper()
	if _, err := c.Serve(w.now, peerAddr(64000), msg); err != nil {
		w.t.Fatal(err)
	}
	c.Ready()
	c.queue.clear()
}

// exchange lets from begin an exchange with to. Every round is shown to watch,
// if there is one, before it is served.
func (w *two) exchange(from, to *Core, watch func(round int, request []byte)) (e exchanged) {
	w.t.Helper()
	id, ok := from.table.find(to.cfg.Name)
	if !ok {
		w.t.Fatalf("%s does not know %s", from.cfg.Name, to.cfg.Name)
	}
	from.advance(w.now)
	from.syncWith(id)
	streams := from.Ready().Streams
	if len(streams) != 1 {
		w.t.Fatalf("%d streams", len(streams))
	}
	s := streams[0]
	e.pushPull = s.Kind == StreamPushPull
	for msg := s.Request; msg != nil; {
		if e.rounds++; watch != nil {
			watch(e.rounds, msg)
		}
		e.there += len(msg)
		reply, err := to.Serve(w.now, from.cfg.Addr, msg)
		if err != nil {
			w.t.Fatalf("round %d: %v", e.rounds, err)
		}
		e.back += len(reply)
		msg = from.StreamDone(w.now, s.ID, reply, nil)
	}
	if _, bench := w.t.(*testing.B); !bench {
		for _, c := range []*Core{from, to} {
			if err := c.Check(); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	for _, d := range from.Ready().Done {
		if d.ID == s.ID {
			e.err = d.Err
		}
	}
	to.Ready()
	return e
}

// agree fails unless both hold the same of every live member.
func (w *two) agree() {
	w.t.Helper()
	if a, b := w.a.syncSet(1, ""), w.b.syncSet(1, ""); a.root != b.root || len(a.ids) != len(b.ids) {
		w.t.Errorf("%d members in one view, %d in the other, or they differ", len(a.ids), len(b.ids))
	}
}

// same is a push/pull of n members as all cores here know them, but for those
// of odd to whom change is done.
func same(n int, odd func(i int) bool, change func(*wire.PushNodeState)) []byte {
	all := make([]wire.PushNodeState, n)
	for i := range all {
		all[i] = wire.PushNodeState{
			Name: fmt.Sprintf("node-%05d", i), Addr: peerAddr(i).Addr(), Port: 7946, Incarnation: 3,
			Versions: DefaultVersions, Caps: wire.CapMuster | wire.CapSync, About: wire.About{ID: uint64(i)<<32 | 1},
		}
		if odd != nil && odd(i) {
			change(&all[i])
		}
	}
	return wire.AppendPushPull(nil, wire.PushPullHeader{}, all, nil)
}

func newer(s *wire.PushNodeState) { s.Incarnation, s.Meta = s.Incarnation+1, []byte("version=2") }

// Two that hold the same find that out with one small message each.
func TestSyncEqual(t *testing.T) {
	for _, n := range []int{0, 10, 10_000} {
		w := newTwo(t, same(n, nil, nil), nil)
		changes := w.a.Changes() + w.b.Changes()
		e := w.exchange(w.a, w.b, nil)
		if e.rounds != 1 || e.there > 40 || e.back > 40 || e.err != nil {
			t.Errorf("%d members: %+v", n, e)
		}
		if now := w.a.Changes() + w.b.Changes(); now != changes {
			t.Errorf("%d members: something changed", n)
		}
		if s := w.a.Stats(); s.Syncs != 1 || s.SyncsEqual != 1 {
			t.Errorf("the initiator counts %d, %d equal", s.Syncs, s.SyncsEqual)
		}
		if s := w.b.Stats(); s.Syncs != 1 || s.SyncsEqual != 1 {
			t.Errorf("the other counts %d, %d equal", s.Syncs, s.SyncsEqual)
		}
		if n == 10_000 {
			t.Logf("%d bytes there, %d back", e.there, e.back)
		}
	}
}

// What an exchange costs goes with what differs, not with how many there are,
// and afterwards nothing differs. Beside it stands the push/pull of the same.
func TestSyncCosts(t *testing.T) {
	t.Logf("%8s %12s %10s %7s %9s %9s %11s", "members", "differences", "newer at", "rounds", "there", "back", "push/pull")
	for _, n := range []int{1000, 10_000} {
		for _, d := range []int{0, 10, 1000} {
			for _, at := range []string{"a", "b", "each half"} {
				w := newTwo(t, same(n, nil, nil), nil)
				step := n / max(d, 1)
				changed := func(i int) bool { return d > 0 && i%step == 0 && i/step < d }
				switch at {
				case "a":
					w.give(w.a, same(n, changed, newer))
				case "b":
					w.give(w.b, same(n, changed, newer))
				default:
					w.give(w.a, same(n, func(i int) bool { return changed(i) && i/step%2 == 0 }, newer))
					w.give(w.b, same(n, func(i int) bool { return changed(i) && i/step%2 == 1 }, newer))
				}
				pushPull := len(w.a.state(false)) + len(w.b.state(false))
				e := w.exchange(w.a, w.b, nil)
				t.Logf("%8d %12d %10s %7d %9d %9d %11d", n, d, at, e.rounds, e.there, e.back, pushPull)
				if e.err != nil || e.pushPull {
					t.Errorf("%+v", e)
				}
				w.agree()
				if d == 10 && e.bytes() > 2000 {
					t.Errorf("%d bytes for 10 differences", e.bytes())
				}
				if d == 1000 && n == 10_000 && e.bytes() > pushPull/8 {
					t.Errorf("%d bytes, while a push/pull takes %d", e.bytes(), pushPull)
				}
				if e.bytes() > pushPull {
					t.Errorf("%d bytes, while a push/pull takes %d", e.bytes(), pushPull)
				}
			}
		}
	}
}

// A core that has met ten differences needs one round less for the next ten.
func TestSyncLearnsHowManySymbols(t *testing.T) {
	const n = 1000
	w := newTwo(t, same(n, nil, nil), nil)
	var rounds []int
	for inc := range uint32(6) {
		w.give(w.b, same(n, func(i int) bool { return i < 10 }, func(s *wire.PushNodeState) { s.Incarnation += inc + 1 }))
		e := w.exchange(w.a, w.b, nil)
		rounds = append(rounds, e.rounds)
		w.agree()
	}
	if last := rounds[len(rounds)-1]; last != 2 {
		t.Errorf("rounds: %v", rounds)
	}
}

// Sets of very different sizes are not worth any symbols.
func TestSyncOfStrangers(t *testing.T) {
	for _, n := range []int{3, 40, 3000} {
		w := newTwo(t, same(0, nil, nil), nil)
		w.give(w.b, same(n, nil, nil))
		e := w.exchange(w.a, w.b, nil)
		w.agree()
		if n > 40 && e.rounds != 2 || e.err != nil {
			t.Errorf("%d members: %+v", n, e)
		}
		w = newTwo(t, same(0, nil, nil), nil)
		w.give(w.a, same(n, nil, nil))
		e = w.exchange(w.a, w.b, nil)
		w.agree()
		if n > 40 && e.rounds != 2 || e.err != nil {
			t.Errorf("%d members the other way: %+v", n, e)
		}
		if e.back > 300 {
			t.Errorf("%d members, all of them the initiator's: %d bytes come back", n, e.back)
		}
	}
}

// knowing are two with one member, x, that they hold for different things.
func knowing(t *testing.T, a, b func(*wire.PushNodeState)) (*two, wire.PushNodeState) {
	t.Helper()
	x := wire.PushNodeState{Name: "x", Addr: peerAddr(9).Addr(), Port: 7946, Incarnation: 5, Versions: DefaultVersions}
	w := newTwo(t, same(20, nil, nil), nil)
	for _, v := range []struct {
		c      *Core
		change func(*wire.PushNodeState)
	}{{w.a, a}, {w.b, b}} {
		s := x
		s.Incarnation = 4
		if v.change != nil {
			w.give(v.c, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{s}, nil))
			v.change(&s)
			w.hold(v.c, &s)
		}
	}
	return w, x
}

// hold makes a core hold a member it knows for just that.
func (w *two) hold(c *Core, s *wire.PushNodeState) {
	w.t.Helper()
	var msg []byte
	switch s.State {
	case wire.StateAlive:
		w.give(c, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{*s}, nil))
		return
	case wire.StateSuspect:
		msg = (&wire.Suspect{Incarnation: s.Incarnation, Node: s.Name, From: "someone"}).Append(nil)
	case wire.StateDead:
		msg = (&wire.Dead{Incarnation: s.Incarnation, Node: s.Name, From: "someone"}).Append(nil)
	case wire.StateLeft:
		msg = (&wire.Dead{Incarnation: s.Incarnation, Node: s.Name, From: s.Name}).Append(nil)
	}
	if err := c.Step(w.now, peerAddr(64000), msg); err != nil {
		w.t.Fatal(err)
	}
	c.Ready()
	c.queue.clear()
}

func is(state wire.State, inc uint32) func(*wire.PushNodeState) {
	return func(s *wire.PushNodeState) { s.State, s.Incarnation = state, inc }
}

// holds says what a core holds of x.
func holds(c *Core) string {
	m, ok := c.Member("x")
	if !ok {
		return "unknown"
	}
	return fmt.Sprintf("%v@%d", m.State, m.Incarnation)
}

// What one side knows and the other missed comes out, whoever begins and
// although the dead are in no set, under the rules of a push/pull: who is held
// dead by one is suspected by the other, and may refute.
func TestSyncRepairs(t *testing.T) {
	for _, test := range []struct {
		name                 string
		a, b                 func(*wire.PushNodeState)
		wantA, wantB, unlike string
	}{
		{"missed death", is(wire.StateDead, 5), is(wire.StateAlive, 5), "dead@5", "suspect@5", ""},
		{"missed older death", is(wire.StateDead, 4), is(wire.StateAlive, 5), "alive@5", "alive@5", ""},
		{"missed leave", is(wire.StateLeft, 5), is(wire.StateAlive, 5), "left@5", "left@5", ""},
		{"missed leave, suspected", is(wire.StateLeft, 5), is(wire.StateSuspect, 5), "left@5", "left@5", ""},
		{"missed suspicion", is(wire.StateSuspect, 5), is(wire.StateAlive, 5), "suspect@5", "suspect@5", ""},
		{"missed refutation", is(wire.StateSuspect, 5), is(wire.StateAlive, 6), "alive@6", "alive@6", ""},
		{"missed join", is(wire.StateAlive, 5), nil, "alive@5", "alive@5", ""},
		{"missed return", is(wire.StateDead, 5), is(wire.StateAlive, 7), "alive@7", "alive@7", ""},
		{"missed rise", is(wire.StateAlive, 9), is(wire.StateAlive, 7), "alive@9", "alive@9", ""},
		{"dead here, unknown there", is(wire.StateDead, 5), nil, "dead@5", "unknown", ""},
		{"dead and left", is(wire.StateDead, 5), is(wire.StateLeft, 5), "dead@5", "left@5", ""},
	} {
		for _, turned := range []bool{false, true} {
			w, _ := knowing(t, test.a, test.b)
			from, to := w.a, w.b
			if turned {
				from, to = w.b, w.a
			}
			e := w.exchange(from, to, nil)
			if e.err != nil || e.rounds > 4 {
				t.Errorf("%s: %+v", test.name, e)
			}
			if a, b := holds(w.a), holds(w.b); a != test.wantA || b != test.wantB {
				t.Errorf("%s, turned %v: %s and %s, want %s and %s", test.name, turned, a, b, test.wantA, test.wantB)
			}
		}
	}
}

// A member that is wrongly suspected by the one it exchanges with refutes at
// once, whoever begins.
func TestSyncRefutes(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for _, state := range []wire.State{wire.StateSuspect, wire.StateDead} {
			w := newTwo(t, same(20, nil, nil), nil)
			s := w.b.table.at(selfID).nodeState()
			s.State = state
			w.hold(w.a, &s)
			from, to := w.a, w.b
			if turned {
				from, to = w.b, w.a
			}
			w.exchange(from, to, nil)
			if b, _ := w.a.Member("b"); b.State != wire.StateAlive || b.Incarnation != 2 {
				t.Errorf("turned %v: b is %v@%d", turned, b.State, b.Incarnation)
			}
			w.agree()
		}
	}
}

// What a memberlist member has dropped from an announcement that it passed on,
// a sync brings back.
func TestSyncCompletes(t *testing.T) {
	for _, turned := range []bool{false, true} {
		w := newTwo(t, same(20, nil, nil), nil)
		full := wire.PushNodeState{
			Name: "x", Addr: peerAddr(9).Addr(), Port: 7946, Incarnation: 5, Versions: DefaultVersions,
			Caps: wire.CapMuster, About: wire.About{ID: 77, Alias: "ex"},
		}
		bare := full
		bare.Caps, bare.About = 0, wire.About{}
		w.give(w.a, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{full}, nil))
		w.give(w.b, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{bare}, nil))
		if turned {
			w.a, w.b = w.b, w.a
		}
		w.exchange(w.a, w.b, nil)
		w.agree()
		for _, c := range []*Core{w.a, w.b} {
			if x, _ := c.Member("x"); x.ID != 77 || x.Alias != "ex" || x.Caps != wire.CapMuster {
				t.Errorf("turned %v: %s holds %+v", turned, c.cfg.Name, x)
			}
		}
	}
}

// Two exchanges, whoever begins them, leave both with what a push/pull would
// have: that is the oracle. Only of members that are live for neither does a
// sync not speak.
func TestSyncIsPushPull(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for run := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, run))
		n := 1 + r.IntN(60)
		kinds := make([][2]int, n)
		for i := range kinds {
			kinds[i] = [2]int{r.IntN(12), r.IntN(12)}
			if r.IntN(2) == 0 {
				kinds[i][1] = kinds[i][0]
			}
		}
		build := func() *two {
			w := newTwo(t, same(0, nil, nil), nil)
			for i, k := range kinds {
				for side, c := range []*Core{w.a, w.b} {
					w.know(c, i, k[side])
				}
			}
			return w
		}
		by, oracle := build(), build()
		reply := oracle.a.state(false)
		oracle.give(oracle.a, oracle.b.state(false))
		oracle.give(oracle.b, reply)
		from, to := by.a, by.b
		if r.IntN(2) == 0 {
			from, to = to, from
		}
		if e := by.exchange(from, to, nil); e.err != nil {
			t.Fatalf("seed %d, run %d: %v", seed, run, e.err)
		}
		for i, k := range kinds {
			live := func(k int) bool { return k > 0 && wire.State(k%4) <= wire.StateSuspect }
			if !live(k[0]) && !live(k[1]) {
				continue
			}
			for side, c := range []*Core{by.a, by.b} {
				got, _ := c.Member(peerName(i))
				want, _ := []*Core{oracle.a, oracle.b}[side].Member(peerName(i))
				if got.State != want.State || got.Incarnation != want.Incarnation {
					t.Fatalf("seed %d, run %d: member %d (%v) is %v@%d to %s, a push/pull makes it %v@%d",
						seed, run, i, k, got.State, got.Incarnation, c.cfg.Name, want.State, want.Incarnation)
				}
			}
		}
	}
}

// know makes a core hold peer i for one of twelve things: nothing, or one of
// the states at one of three incarnations.
func (w *two) know(c *Core, i, kind int) {
	w.t.Helper()
	if kind == 0 {
		return
	}
	s := wire.PushNodeState{Name: peerName(i), Addr: peerAddr(i).Addr(), Port: 7946, Incarnation: 1, Versions: DefaultVersions}
	w.give(c, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{s}, nil))
	s.State, s.Incarnation = wire.State(kind%4), 2+uint32(kind/4)
	w.hold(c, &s)
}

// A set that changes between two rounds costs a round more, and does no harm.
func TestSyncWhileThingsChange(t *testing.T) {
	const n = 3000
	w := newTwo(t, same(n, nil, nil), nil)
	w.give(w.b, same(n, func(i int) bool { return i%30 == 0 }, newer))
	e := w.exchange(w.a, w.b, func(round int, _ []byte) {
		i := n + round
		for j, c := range []*Core{w.a, w.b} {
			if err := c.Step(w.now, peerAddr(i), aliveMsg(i+100*j, 1)); err != nil && round < 4 {
				t.Fatal(err)
			}
		}
	})
	if e.err != nil {
		t.Fatal(e.err)
	}
	w.exchange(w.a, w.b, nil)
	w.agree()
	w.give(w.b, same(n, func(i int) bool { return i%30 == 0 }, func(s *wire.PushNodeState) { s.Incarnation += 2 }))
	i := n
	e = w.exchange(w.a, w.b, func(int, []byte) {
		i++
		_ = w.b.Step(w.now, peerAddr(i), aliveMsg(i, 9)) // known or not
	})
	if e.rounds > SyncRounds {
		t.Errorf("%d rounds", e.rounds)
	}
	if e = w.exchange(w.a, w.b, nil); e.err != nil {
		t.Fatal(e.err)
	}
	w.agree()
}

// Whoever does not announce it is not asked for a sync.
func TestSyncOnlyAmongThoseThatCan(t *testing.T) {
	both := newTwo(t, same(5, nil, nil), nil)
	if e := both.exchange(both.a, both.b, nil); e.pushPull {
		t.Error("two that can exchange whole states")
	}
	neither := newTwo(t, same(5, nil, nil), func(c *Config) { c.Caps = 0 })
	if e := neither.exchange(neither.a, neither.b, nil); !e.pushPull {
		t.Error("two that cannot have a sync")
	}
	for _, name := range []string{"a", "b"} {
		one := newTwo(t, same(5, nil, nil), func(c *Config) {
			if c.Name == name {
				c.Caps = 0
			}
		})
		if e := one.exchange(one.a, one.b, nil); !e.pushPull {
			t.Errorf("%s cannot, and has a sync", name)
		}
	}
}

// Who says that it can and then does not answer gets a push/pull at once.
func TestSyncFallsBack(t *testing.T) {
	refusal := wire.Error{Error: "no"}
	for name, reply := range map[string][]byte{
		"no answer": nil,
		"refusal":   refusal.Append(nil),
		"push/pull": same(3, nil, nil),
		"rubbish":   {byte(wire.TypeSync), 0, 0, 0, 1, 99},
	} {
		w := newTwo(t, same(5, nil, nil), nil)
		id, _ := w.a.table.find("b")
		w.a.advance(w.now)
		w.a.syncWith(id)
		sync := w.a.Ready().Streams[0]
		var err error
		if reply == nil {
			err = errors.New("reset")
		}
		if next := w.a.StreamDone(w.now, sync.ID, bytes.Clone(reply), err); next != nil {
			t.Errorf("%s: goes on with %x", name, next)
		}
		rd := w.a.Ready()
		if len(rd.Streams) != 1 || rd.Streams[0].Kind != StreamPushPull || rd.Streams[0].To != sync.To {
			t.Errorf("%s: %+v", name, rd.Streams)
		}
		if len(rd.Done) != 1 || rd.Done[0].ID != sync.ID || rd.Done[0].Err == nil {
			t.Errorf("%s: done %+v", name, rd.Done)
		}
	}
	w := newTwo(t, same(5, nil, nil), nil)
	id, _ := w.a.table.find("b")
	w.a.advance(w.now)
	w.a.syncWith(id)
	sync := w.a.Ready().Streams[0]
	w.a.StreamDone(sync.Deadline, sync.ID, nil, errors.New("timeout"))
	if rd := w.a.Ready(); len(rd.Streams) != 0 {
		t.Errorf("after a timeout it opens %+v", rd.Streams)
	}
}

// A member of a namespace and one above it exchange what both may know; what
// the one above knows of others besides is no difference.
func TestSyncInNamespaces(t *testing.T) {
	for _, turned := range []bool{false, true} {
		w := newTwo(t, same(10, nil, nil), func(c *Config) {
			if c.Name == "a" {
				c.Namespace = "dev/eu"
			}
		})
		for i, ns := range []string{"dev", "dev/us", "dev/eu/1", "prod"} {
			s := wire.PushNodeState{
				Name: "in-" + ns, Addr: peerAddr(500 + i).Addr(), Port: 7946, Incarnation: 1, Versions: DefaultVersions,
				About: wire.About{ID: uint64(i + 1), Namespace: ns},
			}
			w.give(w.b, wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{s}, nil))
		}
		from, to := w.a, w.b
		if turned {
			from, to = w.b, w.a
		}
		w.exchange(from, to, nil)
		for ns, want := range map[string]bool{"dev": true, "dev/us": false, "dev/eu/1": true, "prod": false} {
			if _, ok := w.a.Member("in-" + ns); ok != want {
				t.Errorf("turned %v: knows one of %s: %v", turned, ns, ok)
			}
		}
		if e := w.exchange(from, to, nil); e.rounds != 1 {
			t.Errorf("turned %v: the second exchange has %d rounds", turned, e.rounds)
		}
	}
}

// Members of different versions compare hashes, so these are for ever. The
// figures come from what docs/wire.md says, not from this code.
func TestSyncHashes(t *testing.T) {
	s := wire.PushNodeState{
		Name: "a", Addr: netip.MustParseAddr("127.0.0.1"), Port: 7946, Incarnation: 1, Versions: DefaultVersions,
		Caps: wire.CapMuster | wire.CapSync, About: wire.About{ID: 0x0102030405060708},
	}
	if got := hex.EncodeToString(s.AppendSyncState(nil)); got != "200161"+"7f0000011f0a"+"0103"+"0102030405060708" {
		t.Errorf("state is %s", got)
	}
	h, _ := hashState(7, &s, nil)
	if want := uint64(0xba6c34bdd8734f6d); h != want {
		t.Errorf("hash is %#x, want %#x", h, want)
	}
	var at []int
	for i, symbol := range sketch.Symbols([]uint64{h}, 0, 200) {
		switch symbol {
		case sketch.Symbol{Sum: h, Check: 0xae083778}:
			at = append(at, i)
		case sketch.Symbol{}:
		default:
			t.Errorf("symbol %d is %+v", i, symbol)
		}
	}
	if want := []int{0, 3, 5, 6, 15, 27, 28, 36, 68}; !slices.Equal(at, want) {
		t.Errorf("the hash is in symbols %v, want %v", at, want)
	}
}
