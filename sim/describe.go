package sim

import (
	"fmt"
	"net/netip"
	"strings"

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
