package swim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// golden returns what real memberlist clusters sent, opened: the messages of
// packets and those of streams.
func golden(f *testing.F) (packets, streams [][]byte) {
	f.Helper()
	files, err := filepath.Glob("../wire/testdata/golden/*.txt")
	if err != nil || len(files) == 0 {
		f.Fatalf("golden files: %v, %v", files, err)
	}
	ring, err := wire.NewKeyring(nil, []byte("0123456789abcdef"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
			setting, digits, ok := strings.Cut(rest, " ")
			if kind == "#" || !ok {
				continue
			}
			c := wire.Codec{}
			if strings.Contains(setting, "label") {
				c.Label = "dc1"
			}
			if strings.Contains(setting, "key") {
				c.Keyring = ring
			}
			data, err := hex.DecodeString(digits)
			if err != nil {
				f.Fatal(err)
			}
			if kind == "packet" {
				msg, err := c.Open(data, nil)
				if err != nil {
					f.Fatal(err)
				}
				packets = append(packets, msg)
				continue
			}
			r := bufio.NewReader(bytes.NewReader(data))
			if kind == "dial" {
				err = c.ReadLabel(r)
			}
			if err == nil {
				data, err = c.ReadStreamMessage(r, 0)
			}
			if err != nil {
				f.Fatal(err)
			}
			streams = append(streams, data)
		}
	}
	return packets, streams
}

// fuzzed returns a core with 20 members, under a name that golden pings go to.
func fuzzed(t *testing.T, change func(*Config)) *lone {
	l := newLone(t, func(c *Config) {
		c.Name = "b"
		if change != nil {
			change(c)
		}
	})
	l.meet(20, 1)
	return l
}

// ours are packets that reach further than golden ones, since they name the
// members that fuzzed knows.
func ours() [][]byte {
	at := peerAddr(1)
	ping := wire.Ping{SeqNo: 7, Node: "b", SourceAddr: at.Addr(), SourcePort: at.Port(), SourceNode: peerName(1), Caps: wire.CapMuster}
	bare := wire.Ping{SeqNo: 7, Node: "b"}
	relay := wire.IndirectPing{
		SeqNo: 8, Target: peerAddr(2).Addr(), Port: 7946, Node: peerName(2), Nack: true,
		SourceAddr: at.Addr(), SourcePort: at.Port(), SourceNode: peerName(1),
	}
	nobody := wire.IndirectPing{SeqNo: 8, Target: peerAddr(2).Addr(), Port: 1, Node: "x", Nack: true}
	ack, nack := wire.Ack{SeqNo: 7, Payload: []byte("p")}, wire.Nack{SeqNo: 7}
	left := wire.Dead{Incarnation: 1, Node: peerName(4), From: peerName(4)}
	dead := wire.Dead{Incarnation: 1, Node: peerName(5), From: peerName(6)}
	self := wire.Dead{Incarnation: 1, Node: "b", From: peerName(6)}
	moved := wire.Alive{Incarnation: 2, Node: peerName(4), Addr: at.Addr(), Port: 1, Meta: []byte("m"), Versions: DefaultVersions}
	rumor := wire.Rumor{Origin: 1, Seq: 2, Payload: []byte("r")}
	return [][]byte{
		ping.Append(nil), bare.Append(nil), relay.Append(nil), nobody.Append(nil), ack.Append(nil), nack.Append(nil),
		suspectMsg(3, 1, peerName(6)), suspectMsg(3, 1, peerName(7)), aliveMsg(3, 2), left.Append(nil), dead.Append(nil),
		aliveMsg(5, 1), self.Append(nil), moved.Append(nil), rumor.Append(nil), wire.AppendUser(nil, []byte("u")),
	}
}

// An input of FuzzStep is a sequence of packets, each behind a byte that says
// who sends it and how much time has passed before, and its length.
func script(head byte, packets ...[]byte) (b []byte) {
	for i, p := range packets {
		b = append(b, head+byte(i))
		b = binary.BigEndian.AppendUint16(b, uint16(len(p)))
		b = append(b, p...)
	}
	return b
}

func nextPacket(b []byte) (head byte, packet, rest []byte) {
	if len(b) < 3 {
		return 0, nil, nil
	}
	n := min(int(binary.BigEndian.Uint16(b[1:])), len(b)-3)
	return b[0], b[3 : 3+n : 3+n], b[3+n:]
}

// FuzzStep sends arbitrary packets to a core, from members and from strangers,
// as time passes.
func FuzzStep(f *testing.F) {
	packets, _ := golden(f)
	for _, p := range packets {
		f.Add(script(0, p))
	}
	all := ours()
	for _, p := range all {
		f.Add(script(1, p))
	}
	f.Add(script(0, all...))
	f.Add(script(128, all...))
	joined := compound(f, all...)
	f.Add(script(2, joined, squeezed(f, joined), compound(f, joined, squeezed(f, joined))))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := stepper{lone: fuzzed(t, nil), in: map[netip.AddrPort]int{}}
		for packet := []byte(nil); len(b) > 0; {
			var head byte
			head, packet, b = nextPacket(b)
			if head >= 128 {
				s.pass(time.Duration(head-127) * 40 * time.Millisecond)
			}
			from := peerAddr(int(head % 32)) // those from 20 on are strangers
			s.step(from, packet)
		}
		s.pass(time.Second)
	})
}

// stepper keeps the accounts of what goes in and comes out.
type stepper struct {
	*lone
	in     map[netip.AddrPort]int // bytes that came from there and were not answered yet
	plain  int                    // bytes that came in, at most, once decompressed
	second time.Time              // the one that told counts
	told   int
}

// aliveSize is the least that the announcement of a new member takes, and
// syncStateSize the least that its state does in a sync.
const (
	aliveSize     = 16
	syncStateSize = 11
)

func (s *stepper) step(from netip.AddrPort, packet []byte) {
	s.t.Helper()
	s.in[from] += len(packet)
	s.plain += len(packet)
	if bytes.IndexByte(packet, byte(wire.TypeCompress)) >= 0 {
		s.plain += decompressMax
	}
	before := bytes.Clone(packet)
	members := s.addrs()
	_ = s.Step(s.now, from, packet) // errors are for the log
	if !bytes.Equal(packet, before) {
		s.t.Fatal("the packet was written to")
	}
	clear(packet) // nothing of it may be kept
	if n := s.table.count; n > 21+s.plain/aliveSize {
		s.t.Fatalf("%d members after %d bytes", n, s.plain)
	}
	s.settle(members)
}

// pass lets time pass.
func (s *stepper) pass(d time.Duration) {
	for end := s.now.Add(d); ; {
		next, ok := s.Deadline()
		if !ok || next.After(end) {
			s.now = end
			return
		}
		s.now = later(s.now, next)
		members := s.addrs()
		s.Tick(s.now)
		s.settle(members)
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *stepper) addrs() map[netip.AddrPort]bool {
	all := make(map[netip.AddrPort]bool, s.table.count)
	for m := range s.Members {
		all[m.Addr] = true
	}
	return all
}

// settle checks the core, and that what it sends to strangers is no more than
// what they have sent.
func (s *stepper) settle(members map[netip.AddrPort]bool) {
	s.t.Helper()
	if err := s.Check(); err != nil {
		s.t.Fatal(err)
	}
	for m := range s.Members {
		members[m.Addr] = true
	}
	rd := s.Ready()
	for _, p := range rd.Packets {
		if members[p.To] {
			continue
		}
		if wire.Type(p.Data[0]) == wire.TypeDead { // told of its death: not an answer, bounded by the second
			if s.now.Sub(s.second) >= time.Second {
				s.second, s.told = s.now, 0
			}
			if s.told++; s.told > tellMax {
				s.t.Fatalf("%d members were told of their death in one second", s.told)
			}
			continue
		}
		if s.in[p.To] -= len(p.Data); s.in[p.To] < 0 {
			s.t.Fatalf("%v, a stranger, was sent %d bytes more than it has sent, the last being %x", p.To, -s.in[p.To], p.Data)
		}
	}
	for _, st := range rd.Streams {
		s.StreamDone(s.now, st.ID, nil, errors.New("refused"))
	}
}

// FuzzServe has a core serve arbitrary requests over streams, and get arbitrary
// answers to a push/pull and a ping of its own.
func FuzzServe(f *testing.F) {
	_, streams := golden(f)
	for i, s := range streams {
		f.Add(s, streams[(i+1)%len(streams)], i%2 == 0)
	}
	var all []wire.PushNodeState
	for i := range 30 {
		all = append(all, wire.PushNodeState{
			Name: peerName(i), Addr: peerAddr(i + i%7/6).Addr(), Port: 7946, Incarnation: uint32(i % 3), State: wire.State(i % 5),
			Meta: []byte("m"), Versions: DefaultVersions, Caps: wire.CapMuster,
		})
	}
	ping, ack, refusal := wire.Ping{SeqNo: 1, Node: "b"}, wire.Ack{SeqNo: 1}, wire.Error{Error: "no"}
	for _, join := range []bool{false, true} {
		msg := wire.AppendPushPull(nil, wire.PushPullHeader{Join: join, Caps: wire.CapMuster}, all, []byte("user"))
		f.Add(msg, msg, join)
		f.Add(ping.Append(nil), refusal.Append(nil), join)
		f.Add(ack.Append(nil), ack.Append(nil), join)
		for _, m := range syncSeeds() {
			f.Add(m, msg, join)
		}
	}
	f.Fuzz(func(t *testing.T, request, reply []byte, vet bool) {
		l := fuzzed(t, func(c *Config) { c.VetAlive, c.VetMerge = vet, vet })
		bound := 21 + (len(request)+len(reply))/syncStateSize
		answer, err := l.Serve(l.now, peerAddr(25), request)
		if answer == nil && err == nil {
			t.Error("neither an answer nor an error")
		}
		if answer != nil {
			checkAnswer(t, answer)
		}
		clear(request)
		l.answerAll(vet)
		id := l.Join(l.now, peerAddr(26))
		l.Ready()
		l.StreamDone(l.now, id, reply, nil)
		clear(reply)
		if done := l.answerAll(vet); done[id] != 1 {
			t.Errorf("the join ended %d times", done[id])
		}
		if l.table.count > bound {
			t.Errorf("%d members after %d and %d bytes", l.table.count, len(request), len(reply))
		}
		l.run(2*time.Second, func(rd Ready) {
			for _, s := range rd.Streams {
				defer l.StreamDone(l.now, s.ID, reply, nil)
			}
		})
	})
}

func checkAnswer(t *testing.T, b []byte) {
	t.Helper()
	var ack wire.Ack
	switch wire.Type(b[0]) {
	case wire.TypeAck:
		if err := ack.Decode(b[1:]); err != nil {
			t.Error(err)
		}
	case wire.TypePushPull:
		if _, _, err := wire.DecodePushPull(b[1:], checkState); err != nil {
			t.Error(err)
		}
	case wire.TypeSync:
		checkSync(t, b)
	default:
		t.Errorf("answered with %x", b)
	}
}

// answerAll consents to all questions, checks the core, and counts what ended.
func (l *lone) answerAll(vet bool) map[uint64]int {
	l.t.Helper()
	done := map[uint64]int{}
	for asks, first := []Ask(nil), true; first || len(asks) > 0; first = false {
		if !first {
			l.Answer(l.now, asks[0].ID, nil)
			asks = asks[1:]
		}
		if err := l.Check(); err != nil {
			l.t.Fatal(err)
		}
		rd := l.Ready()
		asks = append(asks, rd.Asks...)
		for _, d := range rd.Done {
			done[d.ID]++
		}
		if !vet && len(asks) > 0 {
			l.t.Fatalf("asked %+v", asks)
		}
	}
	return done
}
