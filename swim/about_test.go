package swim

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// What muster members say of themselves beyond memberlist's fields.

func TestNamespaceRules(t *testing.T) {
	for _, s := range []string{"", "a", "dev", "dev/a", "a.b-c/d_e", "0/1/2"} {
		if !ValidNamespace(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"/", "/a", "a/", "a//b", ".a", "a.", "a-/b", "a+/b", "a/*", "a/.", " ", "a b", "a\n", "\u00e4"} {
		if ValidNamespace(s) {
			t.Errorf("%q is accepted", s)
		}
	}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"", "a/b", true}, {"a", "a", true}, {"a", "a/b", true}, {"a/1", "a/1/c", true},
		{"a/1", "a/111", false}, {"a/b", "a/c", false}, {"a", "b", false}, {"ab", "a", false},
	} {
		if Related(c.a, c.b) != c.want || Related(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
}

func aliveAs(name string, at netip.AddrPort, inc uint32, about wire.About) []byte {
	a := wire.Alive{
		Incarnation: inc, Node: name, Addr: at.Addr(), Port: at.Port(), Versions: DefaultVersions,
		Caps: wire.CapMuster, About: about,
	}
	return a.Append(nil)
}

func TestOtherNamespacesAreNotMembers(t *testing.T) {
	l := newLone(t, func(c *Config) { c.Namespace = "dev/a" })
	for ns, want := range map[string]bool{"": true, "dev": true, "dev/a": true, "dev/a/x": true, "dev/b": false, "prod": false} {
		err := l.Step(l.now, peerAddr(1), aliveAs("m-"+ns, peerAddr(1), 1, wire.About{Namespace: ns}))
		if m, ok := l.Member("m-" + ns); ok != want || (err == nil) != want || ok && m.Namespace != ns {
			t.Errorf("%q: member %v, %v", ns, ok, err)
		}
	}
	heard := func(scope string) int {
		before := len(l.Ready().Messages)
		r := wire.Rumor{Origin: 1, Seq: uint64(len(scope)) + 1, Scope: scope, Payload: []byte("x")}
		_ = l.Step(l.now, peerAddr(1), r.Append(nil))
		return len(l.Ready().Messages) - before
	}
	if heard("dev") != 1 || heard("prod") != 0 {
		t.Error("a broadcast is heard in its own namespace, and in no other")
	}
}

// TestReplacedProcess: a process that takes a name's place is another member,
// and its former self has died, whatever it left running.
func TestReplacedProcess(t *testing.T) {
	l := newLone(t, nil)
	step := func(inc uint32, id uint64, meta string) []Event {
		a := wire.Alive{
			Incarnation: inc, Node: "p", Addr: peerAddr(1).Addr(), Port: peerAddr(1).Port(), Versions: DefaultVersions,
			Meta: []byte(meta), About: wire.About{ID: id},
		}
		_ = l.Step(l.now, peerAddr(1), a.Append(nil))
		return append([]Event(nil), l.Ready().Events...)
	}
	step(1, 7, "old")
	if e := step(2, 7, "new"); len(e) != 1 || e[0].Kind != EventUpdate || string(e[0].OldMeta) != "old" {
		t.Fatalf("the same process updates: %+v", e)
	}
	if e := step(3, 0, "new"); len(e) != 0 {
		t.Fatalf("passed on by a memberlist member, which loses the id: %+v", e)
	}
	e := step(4, 8, "new")
	if len(e) != 2 || e[0].Kind != EventLeave || e[0].Member.State != wire.StateDead || e[0].Member.ID != 7 ||
		string(e[0].OldMeta) != "new" || e[1].Kind != EventJoin || e[1].Member.ID != 8 {
		t.Fatalf("another process: %+v", e)
	}
}

// TestFormerSelfIsRefuted: a process that restarts under its name and hears of
// its former self at its own incarnation makes itself known.
func TestFormerSelfIsRefuted(t *testing.T) {
	l := newLone(t, nil)
	before := l.Local()
	_ = l.Step(l.now, peerAddr(1), aliveAs(before.Name, before.Addr, before.Incarnation, wire.About{ID: before.ID + 1}))
	if after := l.Local(); after.Incarnation != before.Incarnation+1 || after.ID != before.ID {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	_ = l.Step(l.now, peerAddr(1), aliveAs(before.Name, before.Addr, before.Incarnation+1, wire.About{ID: before.ID}))
	if after := l.Local(); after.Incarnation != before.Incarnation+1 {
		t.Fatal("its own announcement is no accusation")
	}
}

// TestAddressTakenOver: who lives where this process does now is dead.
func TestAddressTakenOver(t *testing.T) {
	l := newLone(t, nil)
	self := l.Local()
	_ = l.Step(l.now, peerAddr(1), aliveAs("former", self.Addr, 3, wire.About{}))
	if m, _ := l.Member("former"); m.State != wire.StateDead || m.Incarnation != 3 {
		t.Fatalf("%+v", m)
	}
	_ = l.Step(l.now, peerAddr(1), aliveAs("former", self.Addr, 4, wire.About{}))
	if m, _ := l.Member("former"); m.State != wire.StateAlive {
		t.Fatal("two that fight for an address do so once a second, not with every message")
	}
}

// TestGone: an answer from somebody else at the address probed proves a death;
// nothing else does.
func TestGone(t *testing.T) {
	l := newLone(t, nil)
	l.meet(1, 5)
	var probe wire.Ping
	for probe.SeqNo == 0 {
		l.run(10*time.Millisecond, func(rd Ready) {
			for _, p := range packetsOf(rd) {
				eachPart(p.Data, func(part []byte) {
					if wire.Type(part[0]) != wire.TypePing {
						return
					}
					if err := probe.Decode(append([]byte(nil), part[1:]...)); err != nil {
						t.Fatal(err)
					}
				})
			}
		})
	}
	state := func() wire.State { m, _ := l.Member(peerName(0)); return m.State }
	for _, forged := range []struct {
		from netip.AddrPort
		seq  uint32
	}{{peerAddr(9), probe.SeqNo}, {peerAddr(0), probe.SeqNo + 1}} {
		if err := l.Step(l.now, forged.from, (&wire.Gone{SeqNo: forged.seq}).Append(nil)); !errors.Is(err, ErrIgnored) || state() != wire.StateAlive {
			t.Fatalf("%+v: %v, %v", forged, err, state())
		}
	}
	if err := l.Step(l.now, peerAddr(0), (&wire.Gone{SeqNo: probe.SeqNo}).Append(nil)); err != nil || state() != wire.StateDead {
		t.Fatalf("%v, %v", err, state())
	}
}

func TestGoneIsSaidToMusterOnly(t *testing.T) {
	l := newLone(t, nil)
	p := wire.Ping{SeqNo: 9, Node: "somebody else", SourceNode: "x", SourceAddr: peerAddr(1).Addr(), SourcePort: 1}
	if err := l.Step(l.now, peerAddr(1), p.Append(nil)); !errors.Is(err, ErrIgnored) || len(l.Ready().Packets) > 0 {
		t.Fatalf("memberlist would not understand it: %v", err)
	}
	p.Caps = wire.CapMuster
	_ = l.Step(l.now, peerAddr(1), p.Append(nil))
	rd := l.Ready()
	if len(rd.Packets) != 1 || rd.Packets[0].To != peerAddr(1) || wire.Type(rd.Packets[0].Data[0]) != wire.TypeGone {
		t.Fatalf("%+v", rd.Packets)
	}
}

func TestLeavingBeforeLeft(t *testing.T) {
	l := newLone(t, func(c *Config) { c.LeaveGrace = time.Second })
	l.meet(3, 1)
	inc := l.Local().Incarnation
	l.Leave(l.now)
	if m := l.Local(); !m.Leaving || m.State != wire.StateAlive || m.Incarnation <= inc {
		t.Fatalf("%+v", m)
	}
	var kinds []EventKind
	l.run(3*time.Second, func(rd Ready) {
		for _, e := range rd.Events {
			if e.Member.Name == l.Local().Name {
				kinds = append(kinds, e.Kind)
			}
		}
	})
	if m := l.Local(); m.State != wire.StateLeft || len(kinds) == 0 || kinds[len(kinds)-1] != EventLeave {
		t.Fatalf("%+v, %v", m, kinds)
	}

	other := newLone(t, nil)
	other.Ready()
	events := func(inc uint32, leaving bool) []EventKind {
		_ = other.Step(other.now, peerAddr(1), aliveAs("p", peerAddr(1), inc, wire.About{ID: 1, Leaving: leaving}))
		var kinds []EventKind
		for _, e := range other.Ready().Events {
			kinds = append(kinds, e.Kind)
		}
		return kinds
	}
	if k := events(5, true); len(k) != 2 || k[0] != EventJoin || k[1] != EventLeaving {
		t.Fatalf("met while it is leaving: %v", k)
	}
	if k := events(6, true); len(k) != 0 {
		t.Fatalf("still leaving: %v", k)
	}
}

func TestPing(t *testing.T) {
	l := newLone(t, nil)
	id, err := l.Ping(l.now, "x", peerAddr(1))
	if err != nil {
		t.Fatal(err)
	}
	var p wire.Ping
	rd := l.Ready()
	if len(rd.Packets) != 1 || rd.Packets[0].To != peerAddr(1) || p.Decode(rd.Packets[0].Data[1:]) != nil || p.Node != "x" {
		t.Fatalf("%+v", rd.Packets)
	}
	l.now = l.now.Add(3 * time.Millisecond)
	if err := l.Step(l.now, peerAddr(1), (&wire.Ack{SeqNo: p.SeqNo}).Append(nil)); err != nil {
		t.Fatal(err)
	}
	if d := l.Ready().Done; len(d) != 1 || d[0].ID != id || d[0].Err != nil || d[0].RTT != 3*time.Millisecond {
		t.Fatalf("%+v", d)
	}
	id, err = l.Ping(l.now, "x", peerAddr(1))
	if err != nil {
		t.Fatal(err)
	}
	var done []Done
	l.run(2*l.cfg.ProbeTimeout, func(rd Ready) { done = append(done, rd.Done...) })
	if len(done) != 1 || done[0].ID != id || !errors.Is(done[0].Err, ErrNoAnswer) {
		t.Fatalf("%+v", done)
	}
}

// TestTargetsAreChosen: gossip and exchanges of states go where the application
// says, and only there.
func TestTargetsAreChosen(t *testing.T) {
	l := newLone(t, func(c *Config) { c.SelectTargets, c.ProbeInterval, c.PushPullInterval = true, 0, time.Second })
	l.meet(8, 1)
	gossiped, synced := map[netip.AddrPort]int{}, map[netip.AddrPort]int{}
	if err := l.Broadcast(l.now, []byte("x")); err != nil {
		t.Fatal(err)
	}
	l.run(5*time.Second, func(rd Ready) {
		for _, p := range rd.Packets {
			gossiped[p.To]++
		}
		for _, s := range append([]Stream(nil), rd.Streams...) {
			synced[s.To]++
			defer l.StreamDone(l.now, s.ID, nil, errors.New("refused"))
		}
		for _, a := range append([]Ask(nil), rd.Asks...) {
			if a.Kind != AskTargets || len(a.Members) != 8 {
				t.Fatalf("%+v", a)
			}
			l.AnswerTargets(l.now, a.ID, []string{peerName(2), peerName(3), "nobody"}, peerName(5))
		}
	})
	for name, m := range map[string]map[netip.AddrPort]int{"gossip": gossiped, "sync": synced} {
		for to := range m {
			if to != peerAddr(2) && to != peerAddr(3) && to != peerAddr(5) {
				t.Errorf("%s to %v, who was not chosen", name, to)
			}
		}
		if m[peerAddr(5)] == 0 {
			t.Errorf("no %s to the preferred member", name)
		}
	}
	if gossiped[peerAddr(2)]+gossiped[peerAddr(3)] == 0 {
		t.Error("no gossip to the others chosen")
	}
}

func TestUserStateIsPassedUp(t *testing.T) {
	l := newLone(t, nil)
	states := []wire.PushNodeState{{Name: "x", Addr: peerAddr(1).Addr(), Port: 1, Incarnation: 1, Versions: DefaultVersions}}
	msg := wire.AppendPushPull(nil, wire.PushPullHeader{Join: true}, states, []byte("application's"))
	if _, err := l.Serve(l.now, peerAddr(1), msg); err != nil {
		t.Fatal(err)
	}
	if s := l.Ready().States; len(s) != 1 || !s[0].Join || string(s[0].Data) != "application's" {
		t.Fatalf("%+v", s)
	}
}

// TestLargePackets: a transport that carries them takes packets beyond what a
// compound can frame; memberlist lets the lengths wrap.
func TestLargePackets(t *testing.T) {
	l := newLone(t, func(c *Config) { c.PacketSize, c.ProbeInterval, c.Compress = 1<<20, 0, false })
	l.meet(1, 1)
	for _, n := range []int{100, 70_000, 200_000, 50} {
		if err := l.Broadcast(l.now, make([]byte, n)); err != nil {
			t.Fatal(err)
		}
	}
	got := map[int]int{}
	l.run(time.Second, func(rd Ready) {
		for _, p := range packetsOf(rd) {
			eachPart(p.Data, func(part []byte) {
				if wire.Type(part[0]) == wire.TypeRumor {
					got[len(part)-rumorHead]++
				}
			})
		}
	})
	for _, n := range []int{100, 70_000, 200_000, 50} {
		if got[n] == 0 {
			t.Errorf("the broadcast of %d bytes did not leave: %v", n, got)
		}
	}
}

// TestLostMembersAreAskedForByName: at the address of a lost member there may be
// somebody else by now, perhaps of another cluster. States are exchanged only
// with who answers to its name.
func TestLostMembersAreAskedForByName(t *testing.T) {
	for _, answers := range []bool{true, false} {
		l := newLone(t, func(c *Config) { c.ProbeInterval, c.PushPullInterval = 0, 0 })
		l.meet(3, 1)
		d := wire.Dead{Incarnation: 1, Node: peerName(0), From: peerName(1)}
		if err := l.Step(l.now, peerAddr(1), d.Append(nil)); err != nil {
			t.Fatal(err)
		}
		pings, pushPulls := 0, 0
		l.run(5*time.Minute, func(rd Ready) { // also when it has been forgotten
			for _, s := range append([]Stream(nil), rd.Streams...) {
				if s.To != peerAddr(0) || !s.Reconnect {
					t.Fatalf("%+v", s)
				}
				var reply []byte
				err := errors.New("closed")
				if s.Kind == StreamPing {
					pings++
					var p wire.Ping
					if err := p.Decode(s.Request[1:]); err != nil || p.Node != peerName(0) {
						t.Fatalf("%+v, %v", p, err)
					}
					if answers {
						reply, err = (&wire.Ack{SeqNo: p.SeqNo}).Append(nil), nil
					}
				} else {
					pushPulls++
				}
				defer l.StreamDone(l.now, s.ID, reply, err)
			}
		})
		if pings < 10 || answers != (pushPulls > 0) {
			t.Errorf("answers %v: %d pings, %d push/pulls", answers, pings, pushPulls)
		}
	}
}
