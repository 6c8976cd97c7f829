package muster

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// What goes wrong with memberlist (spec/memberlist.md section 4.6) must not go
// wrong here. What the protocol core alone can show is in package swim.

// Every callback may call every method; memberlist deadlocks on Members.
func TestCallbacksMayCallAnything(t *testing.T) {
	t.Parallel()
	var node atomic.Pointer[Node]
	var running, overlaps, calls atomic.Int32
	enter := func() {
		if running.Add(1) > 1 {
			overlaps.Add(1)
		}
		defer running.Add(-1)
		calls.Add(1)
		n := node.Load()
		if n == nil {
			return
		}
		n.Members()
		n.Local()
		n.Stats()
		x := []byte("from a callback")
		for _, err := range []error{n.SetMeta(x), n.Broadcast(x), n.Send(context.Background(), "n1", x)} {
			if err != nil && n.ctx.Err() == nil { // the test may be over
				t.Error(err)
			}
		}
	}
	pinged := make(chan struct{}, 1)
	nodes := cluster(t, 3, func(i int, c *Config) {
		if i != 0 {
			return
		}
		c.OnEvent = func(e Event) {
			if e.Kind == MemberJoined { // SetMeta causes an update
				enter()
			}
		}
		c.OnMessage = func(Message) { enter() }
		c.VetAlive = func(Member) error { enter(); return nil }
		c.VetMerge = func([]Member) error { enter(); return nil }
		c.OnPing = func(Member, time.Duration, []byte) {
			enter()
			select {
			case pinged <- struct{}{}:
			default:
			}
		}
	})
	node.Store(nodes[0])
	if err := nodes[1].Send(ctx(t), "n0", []byte("x")); err != nil {
		t.Fatal(err)
	}
	late := startNode(t, quiet(t, "late"))
	if _, err := late.Join(ctx(t), nodes[0].Local().Addr.String()); err != nil {
		t.Fatal(err)
	}
	await(t, nodes[0], "accepting the late one", func() bool { _, ok := nodes[0].Member("late"); return ok })
	select {
	case <-pinged:
	case <-ctx(t).Done():
		t.Fatal("no ping was reported")
	}
	if overlaps.Load() > 0 || calls.Load() < 4 {
		t.Errorf("%d callbacks, %d of them concurrent", calls.Load(), overlaps.Load())
	}
}

// Closing from inside a callback ends the node, too.
func TestCloseInCallback(t *testing.T) {
	t.Parallel()
	var node atomic.Pointer[Node]
	cfg := quiet(t, "closer")
	cfg.OnMessage = func(Message) {
		if err := node.Load().Close(); err != nil {
			t.Error(err)
		}
	}
	a := startNode(t, cfg)
	node.Store(a)
	b := startNode(t, quiet(t, "b"))
	if _, err := b.Join(ctx(t), a.Local().Addr.String()); err != nil {
		t.Fatal(err)
	}
	if err := b.SendPacket("closer", []byte("x")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-a.Done():
	case <-ctx(t).Done():
		t.Fatal("the node did not close")
	}
}

// An application that never returns from a callback stays a member, answers
// pings, and can be closed; memberlist's node is declared dead and hangs.
func TestConsumerThatStopsReading(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	nodes := cluster(t, 4, func(i int, c *Config) {
		c.ProbeInterval, c.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
		if i == 0 {
			c.OnEvent = func(Event) { <-release }
			c.OnMessage = func(Message) { <-release }
		}
	})
	for range 2 * messagesMax {
		if err := nodes[1].SendPacket("n0", make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	// Ten more probe rounds of every other node, each of which n0 must answer.
	var before []uint64
	for _, n := range nodes[1:] {
		before = append(before, n.Stats().Probes)
	}
	for i, n := range nodes[1:] {
		poll(t, "ten more probes", func() bool { return n.Stats().Probes >= before[i]+10 })
		if m, _ := n.Member("n0"); m.State > Suspect {
			t.Errorf("%s holds n0 %v", n.cfg.Name, m.State)
		}
	}
	for i := range 3 * eventQueueMax {
		if err := nodes[1].SetMeta([]byte(strconv.Itoa(i))); err != nil {
			t.Fatal(err)
		}
	}
	poll(t, "n0 hearing of the last change", func() bool { m, _ := nodes[0].Member("n1"); return string(m.Meta) == strconv.Itoa(3*eventQueueMax-1) })
	nodes[0].calls.mu.Lock()
	waiting := len(nodes[0].calls.queue)
	nodes[0].calls.mu.Unlock()
	if waiting > messagesMax+2*eventQueueMax {
		t.Errorf("%d calls wait for an application that does not come back", waiting)
	}
	if err := nodes[0].Close(); err != nil {
		t.Error(err)
	}
}

// poll waits for a condition that no event announces.
func poll(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for c := ctx(t); !ok(); {
		select {
		case <-tick.C:
		case <-c.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

// A reliable send to a peer that does not read ends at the time-out;
// memberlist's blocks for ever.
func TestPeerThatStopsReading(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := quiet(t, "sender")
	cfg.StreamTimeout = 300 * time.Millisecond
	n := startNode(t, cfg)
	deaf := l.Addr().(*net.TCPAddr).AddrPort() // accepts by backlog, never reads
	a := wire.Alive{Incarnation: 1, Node: "deaf", Addr: deaf.Addr(), Port: deaf.Port(), Versions: wire.Versions{1, 5, 2}}
	if err := n.do(func(now time.Time) { err = n.core.Step(now, deaf, a.Append(nil)) }); err != nil {
		t.Fatal(err)
	}
	await(t, n, "knowing the deaf one", func() bool { _, ok := n.Member("deaf"); return ok })
	begin := time.Now()
	err = n.Send(t.Context(), "deaf", make([]byte, 18<<20))
	if err == nil {
		t.Fatal("sent 18 MB to a peer that reads nothing")
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v to give up: %v", took, err)
	}
}

// A payload that does not fit a packet is an error, not an oversize packet.
func TestTooLargeForAPacket(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, func(_ int, c *Config) { c.Label = "label"; c.Keyring = ring(t, 1) })
	most := nodes[0].cfg.PacketSize - nodes[0].codec.Overhead() - 1
	if err := nodes[0].SendPacket("n1", make([]byte, most)); err != nil {
		t.Error(err)
	}
	if err := nodes[0].SendPacket("n1", make([]byte, most+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one byte too much: %v", err)
	}
	if err := nodes[0].Broadcast(make([]byte, most)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("broadcast of %d bytes: %v", most, err)
	}
	if err := nodes[0].SetMeta(make([]byte, MetaMax+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("metadata of more than 1 MiB: %v", err)
	}
	if err := nodes[0].Send(t.Context(), "n1", make([]byte, wire.MaxUserMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("message of more than 20 MiB: %v", err)
	}
}

func ring(t *testing.T, keys ...byte) *wire.Keyring {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, 32))
	}
	r, err := wire.NewKeyring(all, all[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hostilePackets is how many TestHostilePackets sends; make fuzz sends a million.
func hostilePackets(t *testing.T) int {
	s := os.Getenv("MUSTER_HOSTILE_PACKETS")
	if s == "" {
		return 20_000
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatalf("MUSTER_HOSTILE_PACKETS=%q: %v", s, err)
	}
	return n
}

// Random and mutated packets into a live node: it stays up, its memory stays
// flat, and it stays a member.
func TestHostilePackets(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	// Mutated announcements name any address; members may be on loopback only.
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	nodes := cluster(t, 3, func(_ int, c *Config) { c.AllowedCIDRs = loopback })
	victim := nodes[0]
	conn, err := net.Dial("udp", victim.transport.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	genuine := genuinePackets(victim.Local().Addr)
	n := hostilePackets(t)
	var early, sent uint64
	for i := range n {
		if _, err := conn.Write(mutate(r, genuine)); err != nil {
			continue // the kernel's buffer is full, or it reports the victim's answers to nowhere
		}
		if sent++; sent%256 == 0 { // keep in step, so that most arrive
			poll(t, "the victim keeping up", func() bool { return victim.counts.packetsReceived.Load()+4096 > sent })
		}
		if i == n/4 {
			early = heap()
		}
	}
	if late := heap(); late > early+16<<20 {
		t.Errorf("heap grew from %d to %d bytes", early, late)
	}
	s := victim.Stats()
	t.Logf("%d sent, %d received, %d could not be opened, %d did not decode, %d ignored, %d refused, %d implausible",
		n, s.PacketsReceived, s.PacketsMalformed, s.Malformed, s.Ignored, s.Refused, s.Implausible)
	if s.PacketsReceived < uint64(n)/4 || s.Malformed == 0 {
		t.Errorf("only %d of %d packets arrived, %d malformed", s.PacketsReceived, n, s.Malformed)
	}
	for _, other := range nodes[1:] {
		poll(t, "holding the victim alive", func() bool { m, _ := other.Member("n0"); return m.State == Alive })
	}
	if err := nodes[1].Send(ctx(t), "n0", []byte("still there?")); err != nil {
		t.Error(err)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// genuinePackets are one of each kind, about members that nobody needs.
func genuinePackets(at netip.AddrPort) [][]byte {
	addr := netip.MustParseAddr("127.0.0.1")
	ping := wire.Ping{SeqNo: 7, Node: "n0", SourceAddr: addr, SourcePort: 9, SourceNode: "x"}
	indirect := wire.IndirectPing{SeqNo: 7, Target: addr, Port: 9, Node: "n1", Nack: true, SourceAddr: addr, SourcePort: 9, SourceNode: "x"}
	ack, nack := wire.Ack{SeqNo: 7, Payload: []byte("p")}, wire.Nack{SeqNo: 7}
	suspect, dead := wire.Suspect{Incarnation: 1, Node: "x", From: "y"}, wire.Dead{Incarnation: 1, Node: "x", From: "y"}
	alive := wire.Alive{Incarnation: 1, Node: "x", Addr: addr, Port: 9, Meta: []byte("m"), Versions: wire.Versions{1, 5, 2}}
	rumor := wire.Rumor{Origin: 1, Seq: 2, Payload: []byte("r")}
	all := [][]byte{
		ping.Append(nil), indirect.Append(nil), ack.Append(nil), nack.Append(nil), suspect.Append(nil), dead.Append(nil),
		alive.Append(nil), rumor.Append(nil), wire.AppendUser(nil, []byte("u")),
	}
	if compound, err := wire.AppendCompound(nil, all...); err == nil {
		all = append(all, compound)
		if packed, err := wire.AppendCompressed(nil, compound); err == nil {
			all = append(all, packed)
		}
	}
	return all
}

// mutate returns a packet of random bytes, or a genuine one with some changed,
// cut or doubled.
func mutate(r *rand.Rand, genuine [][]byte) []byte {
	if r.IntN(4) == 0 {
		b := make([]byte, 1+r.IntN(200))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	b := bytes.Clone(genuine[r.IntN(len(genuine))])
	for range r.IntN(4) {
		switch i := r.IntN(len(b)); r.IntN(4) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b[i] ^= 1 << r.IntN(8)
		case 2:
			b = b[:i+1]
		default:
			b = append(b[:i:i], append(b[i:], b[i:]...)...)
		}
	}
	return b[:min(len(b), 1400)]
}
