package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The fields of each message in the order memberlist declares them, which is
// their order when a message comes as an array.
var (
	pingOrder         = []string{"SeqNo", "Node", "SourceAddr", "SourcePort", "SourceNode"}
	indirectPingOrder = []string{"SeqNo", "Target", "Port", "Node", "Nack", "SourceAddr", "SourcePort", "SourceNode"}
	ackOrder          = []string{"SeqNo", "Payload"}
	nackOrder         = []string{"SeqNo"}
	errorOrder        = []string{"Error"}
	accusationOrder   = []string{"Incarnation", "Node", "From"}
	aliveOrder        = []string{"Incarnation", "Node", "Addr", "Port", "Meta", "Vsn"}
	headerOrder       = []string{"Nodes", "UserStateLen", "Join"}
	nodeStateOrder    = []string{"Name", "Addr", "Port", "Meta", "Incarnation", "State", "Vsn"}
	userHeaderOrder   = []string{"UserMsgLen"}
	compressOrder     = []string{"Algo", "Buf"}
)

// Decode reads the bytes after the type byte. Strings and slices share memory
// with body.
func (m *Ping) Decode(body []byte) error {
	*m = Ping{}
	r := reader{b: body}
	n, array := r.fields()
	if !array {
		n = m.inOrder(&r, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, pingOrder) {
		case "Node":
			m.Node = r.str()
		case "SeqNo":
			m.SeqNo = r.u32()
		case "SourceAddr":
			m.SourceAddr = r.addr()
		case "SourceNode":
			m.SourceNode = r.str()
		case "SourcePort":
			m.SourcePort = r.u16()
		case "M":
			m.Caps = r.caps()
		default:
			r.skip()
		}
	}
	return r.end("ping")
}

// Decode reads the bytes after the type byte. Strings and slices share memory
// with body. ErrAddress means there is no target to ping.
func (m *IndirectPing) Decode(body []byte) error {
	*m = IndirectPing{}
	r := reader{b: body}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, indirectPingOrder) {
		case "Nack":
			m.Nack = r.bool()
		case "Node":
			m.Node = r.str()
		case "Port":
			m.Port = r.u16()
		case "SeqNo":
			m.SeqNo = r.u32()
		case "SourceAddr":
			m.SourceAddr = r.addr()
		case "SourceNode":
			m.SourceNode = r.str()
		case "SourcePort":
			m.SourcePort = r.u16()
		case "Target":
			m.Target = r.addr()
		case "M":
			m.Caps = r.caps()
		default:
			r.skip()
		}
	}
	r.badAddr = !m.Target.IsValid()
	return r.end("indirect ping")
}

// Decode reads the bytes after the type byte. Payload shares memory with body.
func (m *Ack) Decode(body []byte) error {
	*m = Ack{}
	r := reader{b: body}
	n, array := r.fields()
	if !array {
		n = m.inOrder(&r, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, ackOrder) {
		case "Payload":
			m.Payload = r.bytes()
		case "SeqNo":
			m.SeqNo = r.u32()
		case "M":
			m.Caps = r.caps()
		default:
			r.skip()
		}
	}
	return r.end("ack")
}

// Decode reads the bytes after the type byte.
func (m *Nack) Decode(body []byte) error {
	*m = Nack{}
	r := reader{b: body}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		if r.key(i, array, nackOrder) == "SeqNo" {
			m.SeqNo = r.u32()
		} else {
			r.skip()
		}
	}
	return r.end("nack")
}

// Decode reads the bytes after the type byte. Error shares memory with body.
func (m *Error) Decode(body []byte) error {
	*m = Error{}
	r := reader{b: body}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		if r.key(i, array, errorOrder) == "Error" {
			m.Error = r.str()
		} else {
			r.skip()
		}
	}
	return r.end("error")
}

// Decode reads the bytes after the type byte. Strings share memory with body.
func (m *Suspect) Decode(body []byte) error {
	*m = Suspect{}
	r := reader{b: body}
	r.accusation(&m.Incarnation, &m.Node, &m.From)
	return r.end("suspect")
}

// Decode reads the bytes after the type byte. Strings share memory with body.
func (m *Dead) Decode(body []byte) error {
	*m = Dead{}
	r := reader{b: body}
	r.accusation(&m.Incarnation, &m.Node, &m.From)
	return r.end("dead")
}

func (r *reader) accusation(inc *uint32, node, from *string) {
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, accusationOrder) {
		case "From":
			*from = r.str()
		case "Incarnation":
			*inc = r.u32()
		case "Node":
			*node = r.str()
		default:
			r.skip()
		}
	}
}

// Decode reads the bytes after the type byte. Strings and slices share memory
// with body. ErrAddress means that nobody could reach the member.
func (m *Alive) Decode(body []byte) error {
	*m = Alive{}
	r := reader{b: body}
	n, array := r.fields()
	if !array {
		n = m.inOrder(&r, n)
	}
	for i := 0; i < n && r.err == nil; i++ {
		switch key := r.key(i, array, aliveOrder); key {
		case "Addr":
			m.Addr = r.addr()
		case "Incarnation":
			m.Incarnation = r.u32()
		case "Meta":
			m.Meta = r.bytes()
		case "Node":
			m.Node = r.str()
		case "Port":
			m.Port = r.u16()
		case "Vsn":
			m.Versions = r.versions()
		case "M":
			m.Caps = r.caps()
		default:
			if !m.field(&r, key) {
				r.skip()
			}
		}
	}
	r.badAddr = !m.Addr.IsValid()
	return r.end("alive")
}

// DecodeScoped reads the bytes after the type byte of a TypeScopedRumor. Scope
// and Payload share memory with body.
func (m *Rumor) DecodeScoped(body []byte) error {
	if err := m.Decode(body); err != nil {
		return err
	}
	if len(m.Payload) == 0 || m.Payload[0] == 0 || len(m.Payload)-1 < int(m.Payload[0]) {
		return fmt.Errorf("rumor's scope: %w", ErrTruncated)
	}
	n := 1 + int(m.Payload[0])
	m.Scope, m.Payload = aliasString(m.Payload[1:n]), m.Payload[n:]
	return nil
}

// Decode reads the bytes after the type byte.
func (m *Gone) Decode(body []byte) error {
	*m = Gone{}
	if len(body) < 4 {
		return fmt.Errorf("gone: %w", ErrTruncated)
	}
	m.SeqNo = binary.BigEndian.Uint32(body)
	return nil
}

// Decode reads the bytes after the type byte. Payload shares memory with body.
func (m *Rumor) Decode(body []byte) error {
	*m = Rumor{}
	if len(body) < 16 {
		return fmt.Errorf("rumor: %w", ErrTruncated)
	}
	m.Origin = binary.BigEndian.Uint64(body)
	m.Seq = binary.BigEndian.Uint64(body[8:])
	m.Payload = body[16:len(body):len(body)]
	return nil
}

// compressed is the message inside TypeCompress.
type compressed struct {
	algo Algorithm
	buf  []byte
}

func (m *compressed) decode(body []byte) error {
	r := reader{b: body}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, compressOrder) {
		case "Algo":
			m.algo = Algorithm(r.uint(math.MaxUint8))
		case "Buf":
			m.buf = r.bytes()
		default:
			r.skip()
		}
	}
	return r.end("compressed message")
}
