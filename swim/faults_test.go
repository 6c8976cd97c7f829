package swim

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// What goes wrong with memberlist (goals.md section 8, spec/memberlist.md
// sections 4.6 and 6) must not go wrong here. The scripts in testdata tell
// more of these as stories.

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// lone is a core with a clock of its own.
type lone struct {
	*Core
	t   *testing.T
	now time.Time
}

func newLone(t *testing.T, change func(*Config)) *lone {
	t.Helper()
	cfg := LAN()
	cfg.Name, cfg.Addr, cfg.Seed = "self", netip.MustParseAddrPort("10.0.0.1:7946"), 1
	if change != nil {
		change(&cfg)
	}
	c, err := New(start, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &lone{c, t, start}
}

func peerAddr(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 7946)
}

func peerName(i int) string { return fmt.Sprintf("peer-%05d", i) }

func aliveMsg(i int, inc uint32) []byte {
	a := wire.Alive{
		Incarnation: inc, Node: peerName(i), Addr: peerAddr(i).Addr(), Port: 7946,
		Versions: DefaultVersions, Caps: wire.CapMuster,
	}
	return a.Append(nil)
}

// meet makes peers 0..n-1 members.
func (l *lone) meet(n int, inc uint32) {
	l.t.Helper()
	for i := range n {
		if err := l.Step(l.now, peerAddr(i), aliveMsg(i, inc)); err != nil {
			l.t.Fatal(err)
		}
		l.Ready()
	}
}

// run lets time pass and collects what the core wants done.
func (l *lone) run(d time.Duration, act func(Ready)) {
	l.t.Helper()
	for end := l.now.Add(d); ; {
		if err := l.Check(); err != nil {
			l.t.Fatal(err)
		}
		act(l.Ready())
		next, ok := l.Deadline()
		if !ok || next.After(end) {
			l.now = end
			return
		}
		if next.After(l.now) {
			l.now = next
		}
		l.Tick(l.now)
	}
}

func nothing(Ready) {}

// A ping whose source address is somebody else's must not make this member
// send him more than a bare ack, and not there at all.
func TestForgedSourceGetsNothing(t *testing.T) {
	l := newLone(t, func(c *Config) { c.Meta = bytes.Repeat([]byte("m"), 500) })
	if err := l.SetAckPayload(bytes.Repeat([]byte("p"), 500)); err != nil {
		t.Fatal(err)
	}
	l.meet(40, 1) // so that there is much to piggyback
	attacker, victim := netip.MustParseAddrPort("192.0.2.66:666"), netip.MustParseAddrPort("198.51.100.7:53")
	for _, name := range []string{"stranger", peerName(3), ""} {
		ping := wire.Ping{SeqNo: 9, Node: "self", SourceAddr: victim.Addr(), SourcePort: victim.Port(), SourceNode: name}
		msg := ping.Append(nil)
		if err := l.Step(l.now, attacker, msg); err != nil {
			t.Fatal(err)
		}
		packets := l.Ready().Packets
		if len(packets) != 1 || packets[0].To != attacker {
			t.Fatalf("ping from %q: answered with %+v, want one ack to where it came from", name, packets)
		}
		if got := len(packets[0].Data); got > len(msg) {
			t.Errorf("ping of %d bytes from %q is answered with %d", len(msg), name, got)
		}
	}
	indirect := wire.IndirectPing{SeqNo: 9, Target: victim.Addr(), Port: victim.Port(), Node: "nobody", Nack: true, SourceAddr: victim.Addr(), SourcePort: victim.Port(), SourceNode: "stranger"}
	msg := indirect.Append(nil)
	if err := l.Step(l.now, attacker, msg); !errors.Is(err, ErrIgnored) {
		t.Errorf("indirect ping to a stranger: %v", err)
	}
	for _, p := range l.Ready().Packets {
		if p.To != attacker || len(p.Data) > len(msg) {
			t.Errorf("indirect ping of %d bytes causes %d bytes to %v", len(msg), len(p.Data), p.To)
		}
	}
}

// An alive message that is answered with the member's death must not be an
// amplifier either.
func TestTellingTheDeadIsBounded(t *testing.T) {
	l := newLone(t, nil)
	const n = 2000
	l.meet(n, 5)
	for i := range n {
		d := wire.Dead{Incarnation: 5, Node: peerName(i), From: peerName((i + 1) % n)}
		if err := l.Step(l.now, peerAddr(0), d.Append(nil)); err != nil {
			t.Fatal(err)
		}
		l.Ready()
	}
	in, out, packets := 0, 0, 0
	for range 5 {
		for i := range n {
			msg := aliveMsg(i, 1)
			in += len(msg)
			if err := l.Step(l.now, peerAddr(i), msg); !errors.Is(err, ErrIgnored) {
				t.Fatal(err)
			}
			for _, p := range l.Ready().Packets {
				out += len(p.Data)
				packets++
			}
		}
	}
	if packets == 0 || packets > tellMax || out > in {
		t.Errorf("%d bytes of stale announcements in one second caused %d packets, %d bytes", in, packets, out)
	}
}

// Thousands restart at once and count from one again, while this member
// remembers them dead at a higher incarnation: all must be back soon.
func TestThousandsRestartBehind(t *testing.T) {
	l := newLone(t, nil)
	const n = 3000
	l.meet(n, 100)
	for i := range n {
		d := wire.Dead{Incarnation: 100, Node: peerName(i), From: peerName((i + 1) % n)}
		if err := l.Step(l.now, peerAddr(0), d.Append(nil)); err != nil {
			t.Fatal(err)
		}
		l.Ready()
	}
	byAddr := make(map[netip.AddrPort]*Core, n)
	for i := range n {
		cfg := LAN()
		cfg.Name, cfg.Addr, cfg.Seed = peerName(i), peerAddr(i), uint64(i)
		c, err := New(start, cfg)
		if err != nil {
			t.Fatal(err)
		}
		byAddr[peerAddr(i)] = c
	}
	rounds := 0
	for ; l.Stats().Alive < n+1 && rounds < 30; rounds++ {
		l.now = l.now.Add(time.Second)
		for i := range n { // each announces itself once a second
			c := byAddr[peerAddr(i)]
			self := c.Local()
			_ = l.Step(l.now, peerAddr(i), aliveMsg(i, self.Incarnation)) // refused until it has refuted
			for _, p := range packetsOf(l.Ready()) {
				if to := byAddr[p.To]; to != nil {
					_ = to.Step(l.now, l.cfg.Addr, p.Data)
					to.Ready()
				}
			}
		}
	}
	if got := l.Stats().Alive; got != n+1 {
		t.Fatalf("%d of %d are back after %d s", got-1, n, rounds)
	}
	t.Logf("%d restarted members are back after %d s", n, rounds)
}

// A single forged message, whatever its incarnation, must not evict a live
// member for good: it refutes, and the refutation is believed.
func TestForgedIncarnations(t *testing.T) {
	for _, inc := range []uint32{2, 1000, jumpMax, jumpMax + 1, 1 << 31, incMax, incMax + 1, 1<<32 - 2, 1<<32 - 1} {
		for _, kind := range []string{"alive", "suspect", "dead"} {
			forge := func(name string) []byte {
				switch kind {
				case "alive":
					a := wire.Alive{Incarnation: inc, Node: name, Addr: peerAddr(0).Addr(), Port: 7946, Meta: []byte("forged"), Versions: DefaultVersions}
					return a.Append(nil)
				case "suspect":
					s := wire.Suspect{Incarnation: inc, Node: name, From: "self"}
					return s.Append(nil)
				default:
					d := wire.Dead{Incarnation: inc, Node: name, From: "self"}
					return d.Append(nil)
				}
			}
			l := newLone(t, nil)
			victim := newLone(t, func(c *Config) { c.Name, c.Addr = peerName(0), peerAddr(0) })
			l.meet(5, 1)
			_ = l.Step(l.now, peerAddr(3), forge(peerName(0)))
			_ = victim.Step(l.now, peerAddr(3), forge(peerName(0)))
			a := wire.Alive{
				Incarnation: victim.Local().Incarnation, Node: peerName(0), Addr: peerAddr(0).Addr(), Port: 7946, Versions: DefaultVersions,
			}
			_ = l.Step(l.now, peerAddr(0), a.Append(nil))
			m, _ := l.Member(peerName(0))
			if m.State != wire.StateAlive || string(m.Meta) == "forged" {
				t.Errorf("after a forged %s at %d the member is %v at %d with metadata %q", kind, inc, m.State, m.Incarnation, m.Meta)
			}
		}
	}
}

// Nacks that come when a memberlist relay sends them, after the prober has
// concluded, must not cost a healthy prober its health.
func TestLateNacksCostNothing(t *testing.T) {
	l := newLone(t, func(c *Config) { c.NoStreamPing = true })
	l.meet(5, 1)
	type nack struct {
		at  time.Time
		seq uint32
	}
	var nacks []nack
	dead := peerAddr(2)
	for range 60 {
		l.run(100*time.Millisecond, func(rd Ready) {
			for _, p := range packetsOf(rd) {
				eachPart(p.Data, func(part []byte) {
					switch wire.Type(part[0]) {
					case wire.TypePing:
						var ping wire.Ping
						if err := ping.Decode(part[1:]); err != nil {
							t.Fatal(err)
						}
						if p.To != dead {
							ack := wire.Ack{SeqNo: ping.SeqNo}
							_ = l.Step(l.now, p.To, ack.Append(nil))
						}
					case wire.TypeIndirectPing:
						var req wire.IndirectPing
						if err := req.Decode(part[1:]); err != nil {
							t.Fatal(err)
						}
						nacks = append(nacks, nack{l.now.Add(l.cfg.ProbeTimeout + 2*time.Millisecond), req.SeqNo})
					}
				})
			}
		})
		for len(nacks) > 0 && !nacks[0].at.After(l.now) {
			n := wire.Nack{SeqNo: nacks[0].seq}
			_ = l.Step(l.now, peerAddr(1), n.Append(nil))
			nacks = nacks[1:]
		}
		if l.awareness != 0 {
			t.Fatalf("after %v health is %d, though every relay has answered", l.now.Sub(start), l.awareness)
		}
	}
	if l.Stats().ProbesFailed == 0 {
		t.Fatal("the dead member was never probed")
	}
}

// packetsOf copies what is valid only until the next input.
func packetsOf(rd Ready) []Packet {
	packets := slices.Clone(rd.Packets)
	for i := range packets {
		packets[i].Data = bytes.Clone(packets[i].Data)
	}
	return packets
}

func eachPart(data []byte, f func([]byte)) {
	if wire.Type(data[0]) != wire.TypeCompound {
		f(data)
		return
	}
	c, err := wire.ParseCompound(data[1:])
	for part, ok := c.Next(); err == nil && ok; part, ok = c.Next() {
		f(part)
	}
}

// However much waits, and whatever its sizes, no packet exceeds its bound, none
// holds more than 255 messages, and all of it decodes.
func TestPacketsKeepTheirBounds(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := newLone(t, func(c *Config) {
			c.PacketSize = packetMin + r.IntN(4000)
			c.Compress = seed%2 == 0
		})
		l.meet(50+r.IntN(300), 1)
		for range 600 {
			if err := l.Broadcast(l.now, make([]byte, r.IntN(40))); err != nil {
				t.Fatal(err)
			}
		}
		sent := 0
		l.run(20*time.Second, func(rd Ready) {
			for _, p := range rd.Packets {
				sent++
				if len(p.Data) > l.cfg.PacketSize {
					t.Fatalf("seed %d: packet of %d bytes, bound %d", seed, len(p.Data), l.cfg.PacketSize)
				}
				c := newLone(t, nil)
				if err := c.Step(start, peerAddr(9999), p.Data); errors.Is(err, ErrMalformed) {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		})
		if sent == 0 || l.users.len() > 0 {
			t.Fatalf("seed %d: %d packets, %d user broadcasts left", seed, sent, l.users.len())
		}
	}
}

// User broadcasts get their share of every packet while a wave of membership
// changes passes (memberlist's issue 299), and the other way round.
func TestNeitherQueueStarvesTheOther(t *testing.T) {
	l := newLone(t, func(c *Config) { c.Compress = false })
	l.meet(800, 1)
	for range 400 {
		if err := l.Broadcast(l.now, make([]byte, 60)); err != nil {
			t.Fatal(err)
		}
	}
	alive, user := 0, 0
	l.run(2*time.Second, func(rd Ready) {
		for _, p := range rd.Packets {
			eachPart(p.Data, func(part []byte) {
				switch wire.Type(part[0]) {
				case wire.TypeAlive:
					alive += len(part)
				case wire.TypeRumor:
					user += len(part)
				}
			})
		}
	})
	if share := float64(user) / float64(user+alive); share < 0.3 || share > 0.7 {
		t.Errorf("user broadcasts got %.0f%% of the room, %d bytes of %d", 100*share, user, user+alive)
	}
}

// A leave is done when a few members have confirmed it, not when all
// retransmissions have been sent.
func TestLeaveIsQuick(t *testing.T) {
	l := newLone(t, nil)
	l.meet(500, 1)
	l.run(time.Second, nothing)
	l.Leave(l.now)
	for _, p := range packetsOf(l.Ready()) {
		eachPart(p.Data, func(part []byte) {
			var ping wire.Ping
			if wire.Type(part[0]) == wire.TypePing && ping.Decode(part[1:]) == nil {
				ack := wire.Ack{SeqNo: ping.SeqNo}
				_ = l.Step(l.now.Add(time.Millisecond), p.To, ack.Append(nil))
			}
		})
	}
	if !l.LeaveDone() {
		t.Error("leave is not done one round trip later")
	}
}

// One member whose versions fit nobody must not keep others from joining: in
// memberlist it fails every push/pull.
func TestOddMemberDoesNotPoisonTheMerge(t *testing.T) {
	l := newLone(t, nil)
	odd := wire.PushNodeState{Name: "odd", Addr: peerAddr(7).Addr(), Port: 1, Incarnation: 1, Versions: wire.Versions{4, 5, 5, 0, 0, 0}}
	good := wire.PushNodeState{Name: "good", Addr: peerAddr(8).Addr(), Port: 1, Incarnation: 1, Versions: DefaultVersions}
	msg := wire.AppendPushPull(nil, wire.PushPullHeader{Join: true}, []wire.PushNodeState{odd, good}, nil)
	if _, err := l.Serve(l.now, peerAddr(8), msg); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Member("good"); !ok {
		t.Error("the good member is missing")
	}
	if _, ok := l.Member("odd"); ok {
		t.Error("the odd member was accepted")
	}
}

// What Ready has returned it does not return again: a driver that wakes up for
// nothing must not send everything twice.
func TestReadyReturnsThingsOnce(t *testing.T) {
	l := newLone(t, nil)
	l.meet(3, 1)
	l.Join(l.now, peerAddr(1))
	if rd := l.Ready(); len(rd.Streams) != 1 {
		t.Fatalf("%d streams, want 1", len(rd.Streams))
	}
	if rd := l.Ready(); len(rd.Streams)+len(rd.Packets)+len(rd.Events) > 0 {
		t.Errorf("returned again: %+v", rd)
	}
}
