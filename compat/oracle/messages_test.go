package oracle

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"github.com/musterhq/muster/wire"
)

// The structs have memberlist's field names, types and tags, since these are
// what go-msgpack makes the bytes from.
type (
	ping struct {
		SeqNo      uint32
		Node       string
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	indirectPing struct {
		SeqNo      uint32
		Target     []byte
		Port       uint16
		Node       string
		Nack       bool
		SourceAddr []byte `codec:",omitempty"`
		SourcePort uint16 `codec:",omitempty"`
		SourceNode string `codec:",omitempty"`
	}
	ack struct {
		SeqNo   uint32
		Payload []byte
	}
	nack       struct{ SeqNo uint32 }
	errMsg     struct{ Error string }
	accusation struct {
		Incarnation uint32
		Node        string
		From        string
	}
	alive struct {
		Incarnation uint32
		Node        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Vsn         []uint8
	}
	header struct {
		Nodes        int
		UserStateLen int
		Join         bool
	}
	state     int
	nodeState struct {
		Name        string
		Addr        []byte
		Port        uint16
		Meta        []byte
		Incarnation uint32
		State       state
		Vsn         []uint8
	}
	userHeader struct{ UserMsgLen int }
	compress   struct {
		Algo uint8
		Buf  []byte
	}
)

// message is what wire's structs can do.
type message interface {
	Append([]byte) []byte
	Decode([]byte) error
}

// pair is the same message as either side has it. caps sets wire's capability
// key, which memberlist must not notice.
type pair struct {
	name   string
	ours   message
	theirs any
	caps   func(wire.Caps)
}

// source draws field values that lie around the places where an encoding
// changes its form.
type source struct{ *rand.Rand }

func (r source) num(bits int) uint64 {
	edges := []uint64{0, 1, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 1<<31 - 1, 1 << 31, 1<<32 - 1}
	v := r.Uint64()
	if r.IntN(2) == 0 {
		v = edges[r.IntN(len(edges))]
	}
	return v & (1<<bits - 1)
}

func (r source) str() string {
	lengths := []int{0, 1, 5, 31, 32, 255, 256, 65535, 65536}
	n := lengths[r.IntN(len(lengths))]
	if n > 300 && r.IntN(20) > 0 { // long ones are slow, and rare in life
		n = r.IntN(64)
	}
	return strings.Repeat(string(rune('a'+r.IntN(26))), n)
}

func (r source) bytes() []byte {
	if r.IntN(4) == 0 {
		return nil
	}
	return []byte(r.str())
}

// addr gives an address and its bytes.
func (r source) addr() (netip.Addr, []byte) {
	if r.IntN(2) == 0 {
		a := netip.AddrFrom4([4]byte{10, byte(r.Uint32()), byte(r.Uint32()), 1})
		return a, a.AsSlice()
	}
	a := netip.AddrFrom16([16]byte{0xfd, 15: byte(r.Uint32())})
	return a, a.AsSlice()
}

// optionalAddr is sometimes absent.
func (r source) optionalAddr() (netip.Addr, []byte) {
	if r.IntN(2) == 0 {
		return netip.Addr{}, nil
	}
	return r.addr()
}

func (r source) versions() (v wire.Versions, b []byte) {
	if r.IntN(4) == 0 {
		return v, nil
	}
	for i := range v {
		v[i] = byte(1 + r.IntN(5))
	}
	return v, v[:]
}

// pairs draws one message of each type.
func (r source) pairs() []pair {
	u32 := func() uint32 { return uint32(r.num(32)) }
	u16 := func() uint16 { return uint16(r.num(16)) }
	count := func(limit int) int { return min(int(r.num(31)), limit) }

	sa, sb := r.optionalAddr()
	p := &wire.Ping{SeqNo: u32(), Node: r.str(), SourceAddr: sa, SourcePort: u16(), SourceNode: r.str()}
	ta, tb := r.addr()
	ip := &wire.IndirectPing{SeqNo: u32(), Target: ta, Port: u16(), Node: r.str(), Nack: r.IntN(2) == 0, SourceAddr: sa, SourcePort: u16(), SourceNode: r.str()}
	ac := &wire.Ack{SeqNo: u32(), Payload: r.bytes()}
	na := &wire.Nack{SeqNo: u32()}
	er := &wire.Error{Error: r.str()}
	su := &wire.Suspect{Incarnation: u32(), Node: r.str(), From: r.str()}
	de := &wire.Dead{Incarnation: u32(), Node: r.str(), From: r.str()}
	av, ab := r.versions()
	al := &wire.Alive{Incarnation: u32(), Node: r.str(), Addr: ta, Port: u16(), Meta: r.bytes(), Versions: av}
	he := &wire.PushPullHeader{Nodes: count(wire.MaxNodes), UserStateLen: count(wire.MaxUserState), Join: r.IntN(2) == 0}
	ns := &wire.PushNodeState{Name: r.str(), Addr: ta, Port: u16(), Meta: r.bytes(), Incarnation: u32(), State: wire.State(r.num(8)), Versions: av}
	uh := &wire.UserHeader{UserMsgLen: count(wire.MaxUserMessage)}
	return []pair{
		{"ping", p, &ping{p.SeqNo, p.Node, sb, p.SourcePort, p.SourceNode}, func(c wire.Caps) { p.Caps = c }},
		{"indirect ping", ip, &indirectPing{ip.SeqNo, tb, ip.Port, ip.Node, ip.Nack, sb, ip.SourcePort, ip.SourceNode}, func(c wire.Caps) { ip.Caps = c }},
		{"ack", ac, &ack{ac.SeqNo, ac.Payload}, func(c wire.Caps) { ac.Caps = c }},
		{"nack", na, &nack{na.SeqNo}, nil},
		{"error", er, &errMsg{er.Error}, nil},
		{"suspect", su, &accusation{su.Incarnation, su.Node, su.From}, nil},
		{"dead", de, &accusation{de.Incarnation, de.Node, de.From}, nil},
		{"alive", al, &alive{al.Incarnation, al.Node, tb, al.Port, al.Meta, ab}, func(c wire.Caps) { al.Caps = c }},
		{"header", he, &header{he.Nodes, he.UserStateLen, he.Join}, func(c wire.Caps) { he.Caps = c }},
		{"node state", ns, &nodeState{ns.Name, tb, ns.Port, ns.Meta, ns.Incarnation, state(ns.State), ab}, func(c wire.Caps) { ns.Caps = c }},
		{"user header", uh, &userHeader{uh.UserMsgLen}, func(c wire.Caps) { uh.Caps = c }},
	}
}
