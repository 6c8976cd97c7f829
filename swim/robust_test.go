package swim

import (
	"bytes"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// What a hostile or broken peer, or an odd configuration, must not be able to
// do: stop the core, make it grow, or turn it against others.

func suspectMsg(i int, inc uint32, from string) []byte {
	s := wire.Suspect{Incarnation: inc, Node: peerName(i), From: from}
	return s.Append(nil)
}

// compound nests what AppendCompound can hold.
func compound(t testing.TB, parts ...[]byte) []byte {
	t.Helper()
	b, err := wire.AppendCompound(nil, parts...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func squeezed(t testing.TB, msg []byte) []byte {
	t.Helper()
	b, err := wire.AppendCompressed(nil, msg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func repeat(msg []byte, n int) [][]byte {
	parts := make([][]byte, n)
	for i := range parts {
		parts[i] = msg
	}
	return parts
}

// After the process stood still its driver hands over what has waited, packet
// by packet. The time lost is forgiven once, not once for each packet.
func TestStandingStillIsForgivenOnce(t *testing.T) {
	l := newLone(t, nil)
	l.meet(5, 1)
	if err := l.Step(l.now, peerAddr(0), suspectMsg(1, 1, peerName(0))); err != nil {
		t.Fatal(err)
	}
	l.Ready()
	id, _ := l.table.find(peerName(1))
	before := l.suspects[id].due
	const pause = 10 * time.Second
	l.now = l.now.Add(pause)
	for range 100 {
		_ = l.Step(l.now, peerAddr(0), aliveMsg(0, 1)) // known already
		l.Ready()
	}
	if got := l.Stats().Stalls; got != 1 {
		t.Errorf("%d stalls were noticed, want 1", got)
	}
	if later := time.Duration(l.suspects[id].due - before); later > pause {
		t.Errorf("a pause of %v has put the suspicion off by %v", pause, later)
	}
}

// Without probing a suspicion that comes due, while nothing was heard since it
// began, must not be put off to the same instant for ever.
func TestSuspicionWithoutProbing(t *testing.T) {
	l := newLone(t, func(c *Config) { c.ProbeInterval, c.SuspicionMult = 0, 2 })
	l.meet(6, 1)
	if err := l.Step(l.now.Add(time.Second), peerAddr(0), suspectMsg(1, 1, peerName(0))); err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(time.Second)
	l.run(time.Second, nothing)
	if m, _ := l.Member(peerName(1)); m.State != wire.StateDead {
		t.Errorf("the suspect is %v", m.State)
	}
}

// An accuser's name longer than a packet must not end up in the queue, where it
// would be in the way of everything else.
func TestLongNamesDoNotBlockGossip(t *testing.T) {
	l := newLone(t, func(c *Config) { c.ProbeInterval = 0 }) // nobody answers here
	l.meet(60, 1)
	long := strings.Repeat("x", 5000)
	for i := range 2 * misfits {
		if err := l.Step(l.now, peerAddr(50), suspectMsg(i, 1, long)); !errors.Is(err, ErrRefused) {
			t.Fatalf("suspicion by a name of %d bytes: %v", len(long), err)
		}
		d := wire.Dead{Incarnation: 1, Node: peerName(i), From: long}
		if err := l.Step(l.now, peerAddr(50), d.Append(nil)); !errors.Is(err, ErrRefused) {
			t.Fatalf("death by a name of %d bytes: %v", len(long), err)
		}
	}
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
	l.run(30*time.Second, nothing)
	if n := l.Stats().QueueLength; n > 0 {
		t.Errorf("%d broadcasts are still waiting after 30 s", n)
	}
}

// What a newer broadcast has replaced must not pile up in the queue, even when
// more changes than the packets can carry.
func TestReplacedBroadcastsAreLetGo(t *testing.T) {
	l := newLone(t, nil)
	const members = 200
	l.meet(members, 1)
	most := 0
	for inc := uint32(2); inc < 200; inc++ {
		for i := range members {
			if err := l.Step(l.now, peerAddr(i), aliveMsg(i, inc)); err != nil {
				t.Fatal(err)
			}
			l.Ready()
		}
		l.run(100*time.Millisecond, nothing)
		held := 0
		for _, tier := range l.queue.tiers {
			held += len(tier)
		}
		most = max(most, held)
	}
	if most > 4*members {
		t.Errorf("the queue held %d broadcasts about %d members", most, members)
	}
}

// Suspected, refuted, suspected again: the timers of what is over must not pile
// up until their time comes.
func TestTimersAreLetGo(t *testing.T) {
	l := newLone(t, nil)
	l.meet(5, 1)
	most := 0
	for inc := uint32(1); inc < 5000; inc++ {
		for _, from := range []int{0, 2, 3} {
			if err := l.Step(l.now, peerAddr(0), suspectMsg(1, inc, peerName(from))); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Step(l.now, peerAddr(1), aliveMsg(1, inc+1)); err != nil {
			t.Fatal(err)
		}
		ping := wire.IndirectPing{SeqNo: inc, Target: peerAddr(2).Addr(), Port: 7946, Node: peerName(2), Nack: true}
		_ = l.Step(l.now, peerAddr(0), ping.Append(nil)) // refused when too many are under way
		for seq := range l.relays {
			ack := wire.Ack{SeqNo: seq}
			if err := l.Step(l.now, peerAddr(2), ack.Append(nil)); err != nil {
				t.Fatal(err)
			}
		}
		l.Ready()
		most = max(most, len(l.timers))
	}
	if most > 500 {
		t.Errorf("%d timers for one member", most)
	}
	if err := l.Check(); err != nil {
		t.Fatal(err)
	}
}

// User broadcasts that wait are bounded in bytes, not only in number.
func TestWaitingUserBroadcastsAreBounded(t *testing.T) {
	l := newLone(t, nil)
	l.meet(2, 1)
	payload := make([]byte, 1300)
	for i := range 3 * usersBytes / len(payload) {
		r := wire.Rumor{Origin: 7, Seq: uint64(i), Payload: payload}
		if err := l.Step(l.now, peerAddr(0), r.Append(nil)); err != nil {
			t.Fatal(err)
		}
		if rd := l.Ready(); len(rd.Messages) != 1 {
			t.Fatalf("broadcast %d was delivered %d times", i, len(rd.Messages))
		}
	}
	if l.users.bytes > usersBytes {
		t.Errorf("%d bytes wait", l.users.bytes)
	}
	if err := l.Broadcast(l.now, payload); !errors.Is(err, ErrBusy) {
		t.Errorf("one broadcast more: %v", err)
	}
}

// A packet of compressed messages within compounds within compressed messages
// must not become more than decompressMax, nor be tried again and again.
func TestNestedCompressionIsBounded(t *testing.T) {
	zeros := squeezed(t, append([]byte{byte(wire.TypeUser)}, make([]byte, decompressMax/2)...))
	flat := compound(t, repeat(zeros, 40)...)
	inner := squeezed(t, compound(t, repeat(zeros, 4)...))
	for name, msg := range map[string][]byte{"flat": flat, "nested": compound(t, repeat(inner, 255)...)} {
		l := newLone(t, nil)
		begin := time.Now()
		if err := l.Step(l.now, peerAddr(0), msg); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		total := 0
		for _, m := range l.Ready().Messages {
			total += len(m.Payload)
		}
		if total > decompressMax {
			t.Errorf("%s: a packet of %d bytes was delivered as %d", name, len(msg), total)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: a packet of %d bytes took %v", name, len(msg), took)
		}
	}
}

// Nor must a small packet hold more messages than anybody would send: half a
// million of them in 5 KB would keep a member busy for half a second.
func TestNestedCompoundsAreBounded(t *testing.T) {
	for name, leaf := range map[string][]byte{"empty": {}, "malformed": {byte(wire.TypePing)}, "user": {byte(wire.TypeUser)}} {
		inner := compound(t, repeat(compound(t, repeat(leaf, 255)...), 70)...)
		l := newLone(t, nil)
		if err := l.Step(l.now, peerAddr(0), compound(t, repeat(inner, 15)...)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if n, bad := len(l.Ready().Messages), l.Stats().Malformed; n > messagesMax || bad > messagesMax+100 {
			t.Errorf("%s: %d messages were delivered, %d malformed", name, n, bad)
		}
	}
}

// However many pings a packet holds, it is answered with a few packets, and
// a stranger with no more bytes than came in.
func TestManyPingsInOnePacket(t *testing.T) {
	member := wire.Ping{SeqNo: 1, Node: "self", SourceAddr: peerAddr(1).Addr(), SourcePort: 7946, SourceNode: peerName(1)}
	stranger := wire.Ping{SeqNo: 1, Node: "self"}
	relay := wire.IndirectPing{
		SeqNo: 1, Target: peerAddr(2).Addr(), Port: 7946, Node: peerName(2), Nack: true,
		SourceAddr: peerAddr(1).Addr(), SourcePort: 7946, SourceNode: peerName(1),
	}
	for name, c := range map[string]struct {
		from netip.AddrPort
		ping []byte
	}{
		"stranger": {netip.MustParseAddrPort("192.0.2.66:666"), stranger.Append(nil)},
		"bare":     {netip.MustParseAddrPort("192.0.2.66:666"), []byte{byte(wire.TypePing), 0x80}},
		"member":   {peerAddr(1), member.Append(nil)},
		"relay":    {peerAddr(1), relay.Append(nil)},
	} {
		for _, n := range []int{1, 255} {
			l := newLone(t, nil)
			l.meet(40, 1)
			msg := compound(t, repeat(c.ping, n)...)
			_ = l.Step(l.now, c.from, msg) // the rest is ignored
			packets := l.Ready().Packets
			bytes := 0
			for _, p := range packets {
				bytes += len(p.Data)
			}
			if len(packets) > answersMax || c.from != peerAddr(1) && bytes > len(msg) {
				t.Errorf("%s: a packet of %d pings, %d bytes, is answered with %d packets, %d bytes", name, n, len(msg), len(packets), bytes)
			}
			if name != "bare" && len(packets) == 0 {
				t.Errorf("%s: %d pings are not answered", name, n)
			}
		}
	}
}

// A victim whose incarnations were used up by thousands of forgeries, each of
// them plausible, is forgotten in time and comes back.
func TestUsedUpIncarnations(t *testing.T) {
	l := newLone(t, nil)
	victim := newLone(t, func(c *Config) { c.Name, c.Addr = peerName(0), peerAddr(0) })
	announce := func(to *lone) error {
		self := victim.Local()
		return to.Step(to.now, peerAddr(0), aliveMsg(0, self.Incarnation))
	}
	l.meet(5, 1)
	used := 0
	for last := uint32(0); victim.Local().Incarnation > last; used++ {
		last = victim.Local().Incarnation
		if last > incMax {
			t.Fatalf("incarnation %d: newcomers will not believe it", last)
		}
		forged := suspectMsg(0, uint32(min(uint64(last)+jumpMax, math.MaxUint32)), peerName(1))
		_ = l.Step(l.now, peerAddr(1), forged)
		_ = victim.Step(victim.now, peerAddr(1), forged)
		_ = announce(l)
		l.Ready()
		victim.Ready()
	}
	if used < 4000 {
		t.Fatalf("%d forgeries have used up all incarnations", used)
	}
	for s := 0; ; s++ {
		l.run(time.Second, nothing) // the others do not answer either, and are of no interest
		_ = announce(l)
		l.Ready()
		if m, ok := l.Member(peerName(0)); ok && m.State == wire.StateAlive && m.Incarnation == victim.Local().Incarnation {
			break
		}
		if s == 300 {
			m, ok := l.Member(peerName(0))
			t.Fatalf("the victim at %d is not back after %d s: %v, %+v", victim.Local().Incarnation, s, ok, m)
		}
	}
}

// The local member's own doing must not run into the end either.
func TestIncarnationDoesNotWrap(t *testing.T) {
	l := newLone(t, nil)
	l.meet(1, 1)
	for name, act := range map[string]func() error{
		"metadata": func() error { return l.SetMeta(l.now, []byte("x")) },
		"rejoin":   func() error { l.Leave(l.now); l.Join(l.now, peerAddr(0)); return nil },
	} {
		l.table.at(selfID).inc = math.MaxUint32
		if err := act(); err != nil {
			t.Fatal(err)
		}
		if inc := l.Local().Incarnation; inc == 0 || inc > incMax {
			t.Errorf("%s: incarnation %d", name, inc)
		}
	}
}

// A full table refuses newcomers, not news of those that are in it.
func TestFullTableTakesNews(t *testing.T) {
	l := newLone(t, nil)
	l.meet(3, 1)
	count := l.table.count
	l.table.count = tableMax
	newcomer, known := l.Step(l.now, peerAddr(9), aliveMsg(9, 1)), l.Step(l.now, peerAddr(1), aliveMsg(1, 2))
	l.table.count = count
	if !errors.Is(newcomer, ErrRefused) || known != nil {
		t.Errorf("newcomer: %v, known: %v", newcomer, known)
	}
}

// A probe that failed says nothing of an incarnation that came after its ping.
func TestProbeAccusesWhatItPinged(t *testing.T) {
	l := newLone(t, func(c *Config) { c.NoStreamPing = true })
	l.meet(1, 1)
	for !l.probe.active {
		next, _ := l.Deadline()
		l.now = next
		l.Tick(l.now)
		l.Ready()
	}
	if err := l.Step(l.now, peerAddr(0), aliveMsg(0, 2)); err != nil {
		t.Fatal(err)
	}
	seq := l.probe.seq
	for l.probe.active && l.probe.seq == seq {
		next, _ := l.Deadline()
		l.now = next
		l.Tick(l.now)
		l.Ready()
	}
	if m, _ := l.Member(peerName(0)); m.State != wire.StateAlive {
		t.Errorf("incarnation 2 is %v because incarnation 1 did not answer", m.State)
	}
}

// Leaving and coming back are changes of what Members yields.
func TestLeaveIsAChange(t *testing.T) {
	l := newLone(t, nil)
	l.meet(1, 1)
	before := l.Changes()
	l.Leave(l.now)
	left := l.Changes()
	l.Join(l.now, peerAddr(0))
	if before == left || left == l.Changes() {
		t.Errorf("changes: %d, %d after leaving, %d after joining again", before, left, l.Changes())
	}
}

// Merges that wait for the application are bounded in bytes.
func TestWaitingMergesAreBounded(t *testing.T) {
	l := newLone(t, func(c *Config) { c.VetMerge = true })
	user := make([]byte, 2<<20)
	s := []wire.PushNodeState{{Name: "x", Addr: peerAddr(1).Addr(), Port: 1, Incarnation: 1, Versions: DefaultVersions}}
	msg := wire.AppendPushPull(nil, wire.PushPullHeader{Join: true}, s, user)
	for range 100 {
		_, _ = l.Serve(l.now, peerAddr(1), msg)
		l.Ready()
	}
	held := 0
	for id, a := range l.asks {
		held += len(a.state)
		l.Answer(l.now, id, nil)
	}
	if held > 64<<20 {
		t.Errorf("%d bytes wait", held)
	}
	if _, err := l.Serve(l.now, peerAddr(1), msg); err != nil || len(l.Ready().Asks) != 1 {
		t.Errorf("after the answers: %v", err)
	}
}

// Claims of a name are told to the application, in bounded size: consumers
// keep many of them.
func TestConflictIsBounded(t *testing.T) {
	l := newLone(t, nil)
	l.meet(1, 1)
	a := wire.Alive{Incarnation: 1, Node: peerName(0), Addr: peerAddr(5).Addr(), Port: 1, Meta: make([]byte, 60_000), Versions: DefaultVersions}
	if err := l.Step(l.now, peerAddr(5), a.Append(nil)); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	for _, e := range l.Ready().Events {
		if len(e.Member.Meta) > MetaMax {
			t.Errorf("%v with %d bytes of metadata", e.Kind, len(e.Member.Meta))
		}
	}
}

// Nothing of a packet is kept: the caller uses its buffer again.
func TestStepKeepsNothingOfThePacket(t *testing.T) {
	l := newLone(t, func(c *Config) { c.VetAlive = true })
	a := wire.Alive{Incarnation: 1, Node: "name", Addr: peerAddr(0).Addr(), Port: 7946, Meta: []byte("meta"), Versions: DefaultVersions}
	s, d := wire.Suspect{Incarnation: 1, Node: "name", From: "accuser"}, wire.Dead{Incarnation: 1, Node: "name", From: "accuser"}
	rumor := wire.Rumor{Origin: 1, Seq: 1, Payload: []byte("payload")}
	var rd []Ready
	for _, msg := range [][]byte{a.Append(nil), s.Append(nil), d.Append(nil), rumor.Append(nil), wire.AppendUser(nil, []byte("payload"))} {
		if err := l.Step(l.now, peerAddr(0), msg); err != nil {
			t.Fatal(err)
		}
		for i := range msg {
			msg[i] = '#'
		}
		r := l.Ready()
		rd = append(rd, Ready{Events: bytesOf(r.Events), Messages: append([]Message(nil), r.Messages...)})
		for _, ask := range r.Asks {
			l.Answer(l.now, ask.ID, nil)
			rd = append(rd, Ready{Events: bytesOf(l.Ready().Events)})
		}
	}
	kinds := map[EventKind]bool{}
	for _, r := range rd {
		for _, e := range r.Events {
			kinds[e.Kind] = true
			if e.Member.Name != "self" && (e.Member.Name != "name" || string(e.Member.Meta) != "meta" || e.From != "" && e.From != "accuser") {
				t.Errorf("%v of %q %q by %q", e.Kind, e.Member.Name, e.Member.Meta, e.From)
			}
		}
		for _, m := range r.Messages {
			if string(m.Payload) != "payload" {
				t.Errorf("message %q", m.Payload)
			}
		}
	}
	if !kinds[EventJoin] || !kinds[EventSuspect] || !kinds[EventLeave] {
		t.Errorf("only %v happened", kinds)
	}
	l.run(time.Second, func(rd Ready) {
		for _, p := range rd.Packets {
			if bytes.Contains(p.Data, []byte("##")) {
				t.Errorf("packet %q", p.Data)
			}
		}
	})
}

func bytesOf(events []Event) []Event { return append([]Event(nil), events...) }

// Whatever is switched off, and however short or long the intervals, nothing
// panics, and the core does not ask to be woken without end.
func TestOddConfigurations(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no probing":        func(c *Config) { c.ProbeInterval, c.ProbeTimeout = 0, 0 },
		"no gossip":         func(c *Config) { c.GossipInterval = 0 },
		"no gossip targets": func(c *Config) { c.GossipNodes = 0 },
		"no relays":         func(c *Config) { c.IndirectChecks = 0 },
		"no relays, stream": func(c *Config) { c.IndirectChecks, c.NoStreamPing = 0, true },
		"no push/pull":      func(c *Config) { c.PushPullInterval = 0 },
		"no reconnect":      func(c *Config) { c.ReconnectInterval = 0 },
		"forgets at once":   func(c *Config) { c.GossipToTheDead = 0 },
		"reclaims at once":  func(c *Config) { c.DeadNodeReclaim = 1 },
		"least multipliers": func(c *Config) {
			c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.RetransmitMult, c.AwarenessMax = 1, 1, 1, 1
		},
		"most of all": func(c *Config) {
			c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.RetransmitMult, c.AwarenessMax = 1000, 1000, 1000, 1000
			c.IndirectChecks, c.GossipNodes = 64, 64
		},
		"all off": func(c *Config) {
			c.ProbeInterval, c.ProbeTimeout, c.GossipInterval, c.PushPullInterval, c.ReconnectInterval, c.GossipToTheDead = 0, 0, 0, 0, 0, 0
			c.GossipNodes, c.IndirectChecks = 0, 0
		},
		"longest": func(c *Config) {
			c.ProbeInterval, c.ProbeTimeout, c.GossipInterval, c.PushPullInterval = intervalMax, intervalMax, intervalMax, intervalMax
			c.ReconnectInterval, c.GossipToTheDead, c.DeadNodeReclaim, c.StreamTimeout = intervalMax, intervalMax, intervalMax, intervalMax
			c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.AwarenessMax = 1000, 1000, 1000
		},
		"asks":   func(c *Config) { c.VetAlive, c.VetMerge, c.PullBroadcasts, c.ReportRTT = true, true, true, true },
		"narrow": func(c *Config) { c.PacketSize, c.Name = packetMin, strings.Repeat("n", NameMax) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLone(t, change)
			odd(t, l)
		})
	}
}

// odd leads a core through everything, with the clock also standing still,
// jumping and going back.
func odd(t *testing.T, l *lone) {
	t.Helper()
	wakes := 0
	act := func(rd Ready) {
		for _, s := range rd.Streams {
			if s.Deadline.Before(start) {
				t.Fatalf("a stream until %v", s.Deadline)
			}
			defer l.StreamDone(l.now, s.ID, nil, errors.New("refused"))
		}
		for _, a := range rd.Asks {
			if a.Kind != AskBroadcasts {
				defer l.Answer(l.now, a.ID, nil)
			}
			defer l.AnswerBroadcasts(l.now, a.ID, [][][]byte{{[]byte("x"), make([]byte, 2000)}, nil, {[]byte("y")}})
		}
		if wakes++; wakes > 50_000 {
			t.Fatal("the core asks to be woken without end")
		}
	}
	for i := range 40 {
		_ = l.Step(l.now, peerAddr(i), aliveMsg(i, 1))
		act(l.Ready())
	}
	l.Join(l.now, peerAddr(99))
	l.SetSeeds([]netip.AddrPort{peerAddr(98), l.cfg.Addr})
	_ = l.Broadcast(l.now, []byte("x")) // there may be no gossip to carry it
	for i := range 20 {
		_ = l.Step(l.now, peerAddr(39), suspectMsg(i, 1, peerName(i+1)))
		act(l.Ready())
		_ = l.Step(l.now, peerAddr(39), suspectMsg(i, 1, peerName(i+2)))
		act(l.Ready())
		d := wire.Dead{Incarnation: 1, Node: peerName(i + 20), From: peerName(i + 20*(i%2))}
		_ = l.Step(l.now, peerAddr(39), d.Append(nil))
		act(l.Ready())
	}
	for _, jump := range []time.Duration{0, time.Second, -time.Hour, 20 * time.Second, time.Hour, 0, 100 * time.Hour, math.MinInt64, 30 * time.Second} {
		_ = l.Step(l.now.Add(jump), peerAddr(0), aliveMsg(0, 1)) // known
		l.now = l.now.Add(max(jump, 0))
		l.run(20*time.Second, act)
		l.now = l.now.Add(-5 * time.Second)
		l.Tick(l.now)
		act(l.Ready())
	}
	l.Leave(l.now)
	l.run(20*time.Second, act)
	if !l.LeaveDone() && l.cfg.GossipInterval < intervalMax {
		t.Error("the leave has no end")
	}
	l.Join(l.now, peerAddr(1))
	l.run(time.Second, act)
}

// Durations beyond all reason would overflow what is computed from them.
func TestDurationsAreBounded(t *testing.T) {
	cfg := LAN()
	cfg.Name, cfg.Addr = "self", peerAddr(0)
	for _, d := range []*time.Duration{
		&cfg.ProbeInterval, &cfg.GossipInterval, &cfg.PushPullInterval, &cfg.ReconnectInterval,
		&cfg.DeadNodeReclaim, &cfg.GossipToTheDead, &cfg.StreamTimeout,
	} {
		before := *d
		*d = math.MaxInt64
		if err := cfg.Validate(); !errors.Is(err, ErrConfig) {
			t.Errorf("%v is allowed", *d)
		}
		*d = before
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, mult := range []int{1, 4, 1000} {
		lo, hi := SuspicionBounds(mult, 1000, tableMax, intervalMax)
		if lo <= 0 || hi < lo {
			t.Errorf("suspicion of %v to %v", lo, hi)
		}
	}
}

// A member that slept for years must not count the periods it has missed.
func TestSleepingForYears(t *testing.T) {
	l := newLone(t, func(c *Config) { c.ProbeInterval, c.ProbeTimeout = time.Microsecond, time.Microsecond })
	l.meet(1, 1)
	l.now = l.now.Add(20 * 365 * 24 * time.Hour)
	begin := time.Now()
	l.Tick(l.now)
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
	if next, _ := l.Deadline(); next.After(l.now.Add(time.Second)) {
		t.Errorf("next probe at %v", next)
	}
}
