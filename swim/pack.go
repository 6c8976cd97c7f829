package swim

import (
	"net/netip"
	"slices"

	"github.com/musterhq/muster/wire"
)

// room is what a packet has for messages.
func (c *Core) room() int { return c.cfg.PacketSize - c.cfg.PacketOverhead }

// fill appends to parts what fits into room, and counts it as sent to times
// members. Half of the room is the application's as long as it has something
// waiting, so that neither kind of broadcast starves the other. taken are the
// broadcasts behind the appended parts.
func (c *Core) fill(parts [][]byte, room, times int) (_ [][]byte, taken []*broadcast) {
	limit, most := c.transmitLimit(), partsMax-len(parts)
	c.sentMax = max(c.sentMax, limit)
	reserve := min(c.users.bytes+partOverhead*c.users.len(), room/2)
	taken, left := c.queue.take(c.scratch.taken[:0], room-reserve, partOverhead, most, times, limit)
	taken, _ = c.users.take(taken, left+reserve, partOverhead, most-len(taken), times, limit)
	c.scratch.taken = taken
	for _, b := range taken {
		parts = append(parts, b.msg)
	}
	return parts, taken
}

// choose gives each kind of receiver the form of a user broadcast that it
// understands. The form for memberlist is made when one of its kind is there.
func choose(parts [][]byte, taken []*broadcast, caps wire.Caps) [][]byte {
	first := len(parts) - len(taken)
	for i, b := range taken {
		switch {
		case len(b.alt) == 0:
			parts[first+i] = b.msg
		case caps&wire.CapMuster != 0:
			parts[first+i] = b.alt
		default:
			if len(b.msg) == 0 {
				b.msg = wire.AppendUser(b.msg, b.alt[b.head:])
			}
			parts[first+i] = b.msg
		}
	}
	return parts
}

// pack appends to packets the packets that parts need: one, or more when the
// guess of how well they compress was too high.
func (c *Core) pack(packets [][]byte, parts [][]byte) [][]byte {
	if len(parts) == 0 {
		return packets
	}
	if i := slices.IndexFunc(parts, func(p []byte) bool { return len(p) > partMax }); i >= 0 && len(parts) > 1 {
		// A compound has 16 bits for a part's length; memberlist lets them wrap.
		packets = c.pack(packets, parts[:i])
		packets = c.pack(packets, parts[i:i+1])
		return c.pack(packets, parts[i+1:])
	}
	start := len(c.arena)
	if len(parts) == 1 {
		c.arena = append(c.arena, parts[0]...)
	} else {
		c.arena = appendCompound(c.arena, parts)
	}
	data := c.arena[start:len(c.arena):len(c.arena)]
	if len(data) > c.room() && !c.squeeze(start, &data) && len(parts) > 1 {
		c.arena = c.arena[:start]
		c.ratio = max(1, c.ratio*0.8)
		half := len(parts) / 2
		return c.pack(c.pack(packets, parts[:half]), parts[half:])
	}
	return append(packets, data)
}

func (c *Core) emit(m *member, packets [][]byte) {
	to, crc := m.addr(), m.prof.versions[1] >= 5
	for _, data := range packets {
		c.ready.Packets = append(c.ready.Packets, Packet{To: to, Name: m.name, Data: data, CRC: crc})
	}
}

// squeeze replaces what the arena holds from start by its compressed form, if
// that fits a packet, and learns how much to fill in next time.
func (c *Core) squeeze(start int, data *[]byte) bool {
	if !c.cfg.Compress {
		return false
	}
	plain := append(c.scratch.plain[:0], *data...)
	c.scratch.plain = plain
	packed, err := c.compression.AppendCompressed(c.arena[:start], plain)
	size := len(packed) - start
	if err != nil || size > c.room() {
		return false
	}
	c.ratio = min(ratioMax, 0.7*c.ratio+0.3*0.95*float64(len(plain))/float64(size))
	c.arena = packed
	*data = packed[start:len(packed):len(packed)]
	return true
}

// ratioMax bounds how much more than a packet is filled in on the hope that it
// compresses.
const ratioMax = 6

// appendCompound frames messages, of which there are 2 to 255, none longer
// than a packet, so that neither count nor lengths can overflow.
func appendCompound(b []byte, parts [][]byte) []byte {
	b = append(b, byte(wire.TypeCompound), byte(len(parts)))
	for _, p := range parts {
		b = append(b, byte(len(p)>>8), byte(len(p)))
	}
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// post sends one or two messages to a member with whatever broadcasts fit.
func (c *Core) post(id memberID, msgs ...[]byte) {
	parts := append(c.scratch.parts[:0], msgs...)
	room := c.room() - headOverhead
	for _, p := range parts {
		room -= partOverhead + len(p)
	}
	times := 0
	if c.table.at(id).live() {
		times = 1
	}
	parts, taken := c.fill(parts, room, times)
	c.scratch.parts = parts
	m := c.table.at(id)
	c.scratch.packed = c.pack(c.scratch.packed[:0], choose(parts, taken, m.caps))
	c.emit(m, c.scratch.packed)
}

// postRaw sends one message, without riders, to an address that may not be a
// member's: what goes to a stranger must not be larger than what came in.
func (c *Core) postRaw(to netip.AddrPort, msg []byte) {
	start := len(c.arena)
	c.arena = append(c.arena, msg...)
	c.ready.Packets = append(c.ready.Packets, Packet{To: to, Data: c.arena[start:len(c.arena):len(c.arena)]})
}
