package record

import (
	"slices"
	"time"
)

// ackPeriod is how often a member tells one owner how far it has got with its
// log. The more members there are, the longer they wait, so that an owner gets
// no more than about a thousand acknowledgements per second from all of them.
func (c *Core) ackPeriod() time.Duration {
	return max(c.cfg.GossipInterval, time.Duration(len(c.ups)+1)*time.Millisecond)
}

// acknowledge tells an owner soon how far its log has got here.
func (c *Core) acknowledge(m *member) {
	if m.acking || m == c.self {
		return
	}
	m.acking = true
	spread := time.Duration(c.rand.ack.Int64N(int64(len(c.ups)+1) * int64(time.Millisecond)))
	m.ackDue = c.now.add(c.cfg.GossipInterval/20 + spread)
	if !m.log.known {
		// Asking is urgent; asking again the less so the more often it was in vain.
		m.ackDue = c.now.add(c.askAgain(m) + min(spread, c.cfg.GossipInterval/4))
	} else if m.ackedAt != never {
		m.ackDue = max(m.ackDue, m.ackedAt.add(c.ackPeriod()))
	}
	sooner(&c.nextAck, m.ackDue)
	c.acking = append(c.acking, m)
}

func (c *Core) askAgain(m *member) time.Duration {
	if m.askWait == 0 {
		return 0
	}
	return min(c.cfg.GossipInterval<<min(m.askWait, 16), 10*time.Second)
}

func (c *Core) sendAcks() {
	c.nextAck = never
	c.acking = slices.DeleteFunc(c.acking, func(m *member) bool {
		if m.gone || !m.up {
			m.acking = false
			return true
		}
		if m.ackDue > c.now {
			sooner(&c.nextAck, m.ackDue)
			return false
		}
		m.acking, m.ackedAt = false, c.now
		b := c.packet()
		if m.log.known {
			m.askWait = 0
			b = appendAck(b, m.log.gen, c.self.cur.gen, m.log.end())
		} else {
			m.askWait++
			b = appendAsk(b, &m.log, c.self.cur.gen)
		}
		c.send(m, b)
		if !m.log.known { // until it answers
			m.acking = true
			m.ackDue = c.now.add(c.askAgain(m))
			sooner(&c.nextAck, m.ackDue)
			return false
		}
		return true
	})
}

// answerAsk tells a peer where its deliveries of the own log begin: where it
// left off under a former generation of this same process, or else after what
// was published when it came up.
func (c *Core) answerAsk(p *member, peerGen, prevGen, prevAt uint64) {
	if !p.up {
		return
	}
	r, w := &p.reader, &c.self.log
	if r.gen != 0 && r.gen != peerGen {
		r.start = w.end() // another process by now, of which nobody has told
		c.progress(p, r.start)
	}
	r.gen = peerGen
	// Whatever it has acknowledged it had, though it may have forgotten.
	start := max(r.start, r.acked)
	if slices.Contains(c.gens, prevGen) && prevAt <= w.end() {
		start = prevAt
	}
	b := appendStart(c.packet(), w.gen, start)
	if start >= w.base && start < w.end() && stretchSize(w, start, w.end(), c.cfg.PacketSize)+len(b)+len(c.cfg.Name)+2 <= c.cfg.PacketSize {
		b, c.scratch.bytes, _ = appendStretch(appendHead(b, itemLog, c.self.name), c.scratch.bytes, w, start, w.end(), c.cfg.PacketSize)
	}
	c.send(p, b)
}

// prod asks the peers that should have acknowledged by now how far they are.
// Acknowledgements get lost, and a peer may have missed a message altogether.
func (c *Core) prod() {
	c.nextProd = c.now.add(2 * c.ackPeriod())
	late := c.own.late
	c.own.late = c.self.log.end()
	var b []byte
	for _, p := range c.ups {
		r := &p.reader
		if r.acked >= late || r.prodAt > c.now {
			continue
		}
		r.wait = min(max(2*r.wait, c.ackPeriod()), 10*time.Second)
		r.prodAt = c.now.add(r.wait)
		if b == nil {
			b = appendProd(c.packet(), &c.self.log)
		}
		c.send(p, b)
	}
}
