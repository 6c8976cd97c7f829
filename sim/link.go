package sim

import (
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// condition is what the faults in force make of one direction of one link.
type condition struct {
	any                                      bool // anything below is set
	cut, noRoute, noUDP, refuse, blackhole   bool
	loss, burst, dup, reorder, corrupt, flip uint8 // percent
	mtu                                      uint16
	delay                                    time.Duration
}

// burstSlot is how long a burst lasts at least.
const burstSlot = 200 * time.Millisecond

func (c *Cluster) link(from, to int) (*condition, *uint32) {
	i := from*len(c.nodes) + to
	return &c.conds[i], &c.sent[i]
}

// linkHash identifies one packet of one link for its draws.
func (c *Cluster) linkHash(from, to int, nth uint32) uint64 {
	return mix(c.linkSeed + uint64(from)<<48 + uint64(to)<<32 + uint64(nth))
}

// send takes over a packet from n's core. It reports false when the send
// failed at once.
func (c *Cluster) send(n *node, p *swim.Packet) bool {
	c.checkPacket(n, p.Data)
	c.counts[Packets]++
	c.counts[Bytes] += uint64(len(p.Data))
	addr, to := c.lookup(p.To)
	if n.holds > 0 {
		id := c.slot()
		e := &c.slots[id]
		*e = event{kind: evSend, node: int32(n.id), life: n.life, addr: addr, data: c.buffer(p.Data)}
		n.outbox = append(n.outbox, id)
		return true
	}
	if to >= 0 {
		if cond, _ := c.link(n.id, int(to)); cond.noRoute {
			c.counts[Unreachable]++
			c.packet(n, addr, p.Data, " NO ROUTE")
			return false
		}
	}
	c.transmit(n, addr, p.Data)
	return true
}

// transmit puts a packet on its way and decides what becomes of it.
func (c *Cluster) transmit(n *node, addr int32, data []byte) {
	to := noNode
	if addr > 0 {
		to = c.owner[addr]
	}
	if to < 0 {
		c.lose(n, addr, data, " to nobody")
		return
	}
	cond, sent := c.link(n.id, int(to))
	*sent++
	h := c.linkHash(n.id, int(to), *sent)
	delay := int64(c.opts.Link.Delay) + below(draw(h, drawJitter), int64(c.opts.Link.Jitter))
	if c.dropped(n, int(to), data) {
		c.lose(n, addr, data, " DROPPED")
		return
	}
	if !cond.any {
		c.fly(n, addr, data, delay, "")
		return
	}
	switch {
	case cond.cut || cond.noUDP:
		c.lose(n, addr, data, " CUT")
		return
	case chance(draw(h, drawLoss), cond.loss), c.inBurst(n.id, int(to), cond.burst):
		c.lose(n, addr, data, " LOST")
		return
	case cond.mtu > 0 && len(data) > int(cond.mtu):
		c.counts[Oversize]++
		c.lose(n, addr, data, " TOO LARGE")
		return
	}
	delay += int64(cond.delay)
	note := ""
	if chance(draw(h, drawReorder), cond.reorder) {
		c.counts[Reordered]++
		delay += below(draw(h, drawExtra), int64(500*time.Millisecond))
		note = " LATE"
	}
	if chance(draw(h, drawDuplicate), cond.dup) {
		c.counts[Duplicated]++
		c.fly(n, addr, data, delay+below(draw(h, drawAgain), int64(200*time.Millisecond)), " AGAIN")
	}
	e := c.fly(n, addr, data, delay, note)
	r := draw(h, drawCorruptHow)
	switch {
	case chance(draw(h, drawCorrupt), cond.corrupt):
		c.counts[Corrupted]++
		spoil(e.data, r)
		if r&1 == 0 { // truncated
			e.data = e.data[:1+below(r>>8, int64(len(e.data)))]
		}
	case chance(draw(h, drawCorrupt), cond.flip):
		c.counts[Corrupted]++
		for range 1 + r%3 {
			r = mix(r)
			e.data[below(r>>8, int64(len(e.data)))] ^= 1 << (r & 7)
		}
	}
}

// spoil overwrites a packet by noise, unless it is to be truncated. Noise does
// not decode, but for a chance too small to matter: in a real network a
// checksum or a seal has caught what would.
func spoil(data []byte, r uint64) {
	if r&1 == 0 {
		return
	}
	for i := range data {
		r = mix(r + golden)
		data[i] = byte(r)
	}
}

// inBurst tells whether a link is in a burst: whole slots of time are bad.
func (c *Cluster) inBurst(from, to int, percent uint8) bool {
	return percent > 0 && chance(mix(c.linkHash(from, to, 0)+uint64(c.now/int64(burstSlot))*golden), percent)
}

// fly schedules a packet's arrival.
func (c *Cluster) fly(n *node, addr int32, data []byte, delay int64, note string) *event {
	c.packet(n, addr, data, note)
	e := c.at(c.now+delay, evPacket, int(c.owner[addr]))
	e.addr, e.arg, e.data = n.addr, uint64(addr), c.buffer(data)
	return e
}

func (c *Cluster) lose(n *node, addr int32, data []byte, note string) {
	c.counts[Lost]++
	if len(data) > 0 && wire.Type(data[0]) == wire.TypeNack {
		c.counts[NacksLost]++
	}
	c.packet(n, addr, data, note)
}
