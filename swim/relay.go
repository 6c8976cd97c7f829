package swim

import (
	"net/netip"

	"github.com/musterhq/muster/wire"
)

// relay is a ping that this member sends on behalf of another.
type relay struct {
	seq   uint32 // the asker's
	to    netip.AddrPort
	asker memberID
	known bool // the asker is a member at that address
	nack  bool // promised and not sent yet
}

// relayAnswer is the most that an asker is sent: an ack and a nack.
const relayAnswer = 22 + 13

// relayMax bounds the pings under way for others.
const relayMax = 1024

// ping answers with an ack. A stranger, or somebody who names an address that
// is not his as we know it, gets the bare ack, where the packet came from: an
// ack with broadcasts sent to an address of the sender's choosing would make
// this member an amplifier (memberlist sends it there).
func (c *Core) ping(from netip.AddrPort, p *wire.Ping) error {
	if !c.budget.answer() {
		return c.ignored("more pings than a packet has")
	}
	if p.Node != "" && p.Node != c.cfg.Name {
		return c.sayGone(from, p)
	}
	c.announceTo(p.SourceNode, p.Caps)
	ack := wire.Ack{SeqNo: p.SeqNo, Caps: c.caps()}
	id, known := c.knownAt(p.SourceNode, p.SourceAddr, p.SourcePort)
	if !known {
		c.scratch.msg = ack.Append(c.scratch.msg[:0])
		if !c.budget.stranger(len(c.scratch.msg)) {
			return c.ignored("ack would be larger than what asks for it")
		}
		c.postRaw(from, c.scratch.msg)
		return nil
	}
	ack.Payload = c.ack
	c.scratch.msg = ack.Append(c.scratch.msg[:0])
	c.post(id, c.scratch.msg)
	return nil
}

// knownAt tells whether name is a member whose address is the one claimed.
func (c *Core) knownAt(name string, addr netip.Addr, port uint16) (memberID, bool) {
	id, ok := c.table.find(name)
	if !ok || id == selfID || c.table.at(id).addr() != netip.AddrPortFrom(addr.Unmap(), port) {
		return 0, false
	}
	return id, true
}

// announceTo notes what the sender of a direct message says it understands.
func (c *Core) announceTo(name string, caps wire.Caps) {
	if caps == 0 {
		return
	}
	if id, ok := c.table.find(name); ok && id != selfID {
		c.learnCaps(id, caps)
	}
}

// indirectPing pings the target for the asker and passes the answer on. Only a
// member may be the target, at the address it is known by: this member does not
// send packets wherever a stranger points.
func (c *Core) indirectPing(from netip.AddrPort, r *wire.IndirectPing) error {
	if !c.budget.answer() {
		return c.ignored("more pings than a packet has")
	}
	asker, known := c.knownAt(r.SourceNode, r.SourceAddr, r.SourcePort)
	to := from
	if known {
		to = c.table.at(asker).addr()
	} else if !c.budget.stranger(relayAnswer) {
		return c.ignored("answers would be larger than what asks for them")
	}
	target, ok := c.knownAt(r.Node, r.Target, r.Port)
	if !ok || len(c.relays) >= relayMax {
		if r.Nack {
			nack := wire.Nack{SeqNo: r.SeqNo}
			c.postRaw(to, nack.Append(c.scratch.msg[:0]))
		}
		return c.ignored("asked to ping somebody who is no member here")
	}
	c.tidyTimers()
	seq := c.nextSeq()
	c.relays[seq] = &relay{seq: r.SeqNo, to: to, asker: asker, known: known, nack: r.Nack}
	if r.Nack {
		// 80% of the time-out, as the paper has it: a nack that takes all of it
		// reaches the asker when the asker has already concluded.
		c.timers.push(timer{c.now.add(c.cfg.ProbeTimeout * 4 / 5), timerRelayNack, seq})
	}
	c.timers.push(timer{c.now.add(max(c.cfg.ProbeInterval, c.cfg.ProbeTimeout)), timerRelayEnd, seq})
	c.pingMember(target, seq)
	return nil
}

// relayAck passes an ack on under the asker's sequence number.
func (c *Core) relayAck(a *wire.Ack) error {
	r := c.relays[a.SeqNo]
	if r == nil {
		return c.ignored("ack without a ping")
	}
	delete(c.relays, a.SeqNo)
	ack := wire.Ack{SeqNo: r.seq}
	c.answer(r, ack.Append(c.scratch.msg[:0]))
	return nil
}

// relayNack tells the asker that the target has not answered yet. The relay
// stays open: an ack that comes late is still worth passing on.
func (c *Core) relayNack(seq uint32) {
	if r := c.relays[seq]; r != nil && r.nack {
		r.nack = false
		nack := wire.Nack{SeqNo: r.seq}
		c.answer(r, nack.Append(c.scratch.msg[:0]))
	}
}

func (c *Core) answer(r *relay, msg []byte) {
	c.scratch.msg = msg
	if r.known && c.table.at(r.asker).addr() == r.to {
		c.post(r.asker, msg)
		return
	}
	c.postRaw(r.to, msg)
}
