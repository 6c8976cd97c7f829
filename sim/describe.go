package sim

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Describe says in words what is in a packet: its messages, by name and what
// they are about, without sequence numbers.
func Describe(data []byte) string {
	if len(data) == 0 {
		return "nothing"
	}
	body := data[1:]
	switch wire.Type(data[0]) {
	case wire.TypeCompound:
		return describeCompound(body)
	case wire.TypeCompress:
		plain, err := wire.AppendDecompressed(nil, body, 1<<20)
		if err != nil {
			return "rubbish"
		}
		return "lzw(" + Describe(plain) + ")"
	case wire.TypeUser:
		return fmt.Sprintf("user message of %d bytes", len(body))
	default:
		return describeOne(wire.Type(data[0]), body)
	}
}

func describeCompound(body []byte) string {
	parts, err := wire.ParseCompound(body)
	if err != nil {
		return "rubbish"
	}
	var texts []string
	for {
		part, ok := parts.Next()
		if !ok {
			return strings.Join(texts, " + ")
		}
		texts = append(texts, Describe(part))
	}
}

func describeOne(t wire.Type, body []byte) string {
	var err error
	text := ""
	switch t {
	case wire.TypePing:
		err = new(wire.Ping).Decode(body)
		text = "ping"
	case wire.TypeAck:
		err = new(wire.Ack).Decode(body)
		text = "ack"
	case wire.TypeNack:
		err = new(wire.Nack).Decode(body)
		text = "nack"
	case wire.TypeIndirectPing:
		var m wire.IndirectPing
		err = m.Decode(body)
		text = "indirect-ping " + m.Node
	case wire.TypeSuspect:
		var m wire.Suspect
		err = m.Decode(body)
		text = fmt.Sprintf("suspect %s@%d from %s", m.Node, m.Incarnation, m.From)
	case wire.TypeDead:
		var m wire.Dead
		err = m.Decode(body)
		text = fmt.Sprintf("dead %s@%d from %s", m.Node, m.Incarnation, m.From)
	case wire.TypeAlive:
		var m wire.Alive
		err = m.Decode(body)
		text = fmt.Sprintf("alive %s@%d at %v", m.Node, m.Incarnation, netip.AddrPortFrom(m.Addr, m.Port))
	case wire.TypeRumor:
		var m wire.Rumor
		err = m.Decode(body)
		text = fmt.Sprintf("rumor %q", m.Payload)
	default:
		return fmt.Sprintf("type %d", t)
	}
	if err != nil {
		return "rubbish"
	}
	return text
}

// describeStream says in words what a stream begins with.
func describeStream(kind swim.StreamKind, request []byte) string {
	switch kind {
	case swim.StreamPing:
		return "ping"
	case swim.StreamSync:
		return describeSync(request)
	default:
		return "push/pull"
	}
}

// describeSync says in words what a message of a sync holds.
func describeSync(msg []byte) string {
	var m wire.Sync
	if err := m.Decode(msg); err != nil {
		return "rubbish"
	}
	text := ""
	switch m.Kind {
	case wire.SyncRoot:
		text = fmt.Sprintf("root of %d", m.Count)
	case wire.SyncMore:
		text = fmt.Sprintf("symbols [%d, %d)?", m.From, m.To)
	case wire.SyncDiff:
		text = fmt.Sprintf("wants %d", len(m.Wanted)/wire.HashSize)
		if m.All {
			text = "wants all"
		}
		text += ", tells" + describeStates(&m)
	case wire.SyncEqual:
		text = "equal"
	case wire.SyncSymbols:
		text = fmt.Sprintf("symbols [%d, %d) of %d", m.From, m.From+len(m.Symbols)/wire.SymbolSize, m.Count)
	case wire.SyncStates:
		text = "tells" + describeStates(&m)
	}
	return fmt.Sprintf("sync: %s (%d bytes)", text, len(msg))
}

func describeStates(m *wire.Sync) string {
	var texts []string
	m.EachState(func(s *wire.PushNodeState) {
		texts = append(texts, fmt.Sprintf(" %s %s@%d", s.Name, StateName(s.State), s.Incarnation))
	})
	switch n := len(texts); {
	case n == 0:
		return " nothing"
	case n > 6:
		return fmt.Sprintf(" %d states", n)
	}
	return strings.Join(texts, ",")
}
