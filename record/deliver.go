package record

import (
	"slices"
	"time"
)

// mergeLog takes over a stretch of another member's log, and delivers what is
// new, in order, each message once.
func (c *Core) mergeLog(m *member, g *stretch) outcome {
	w := &m.log
	if !c.hearLog(m, g.gen, g.end()) {
		return stale
	}
	c.raiseLog(m, g.floor)
	if c.held && w.known && g.end() > w.end() {
		return known // and not taken in before Hold ends, nor acknowledged
	}
	switch {
	case g.end() <= w.end():
		return known
	case g.from > w.end() && (w.known || len(w.entries) > 0):
		return gap
	case g.from > w.end():
		w.base = g.from
	}
	from := w.end()
	seq := g.from
	for es := g.entries(); es.next(); {
		if seq++; seq <= from {
			continue
		}
		e := logEntry{payload: slices.Clone(es.payload), at: c.now}
		if n := len(w.entries); n > 0 && w.entries[n-1].topic == string(es.topic) {
			e.topic = w.entries[n-1].topic
		} else {
			e.topic = string(es.topic)
		}
		w.append(e)
		if w.known {
			c.deliver(m, seq, &e)
		}
	}
	c.bound(m)
	c.rumor(m, true, max(from, w.base), w.end())
	c.acknowledge(m)
	return applied
}

// Hold keeps the core from taking in messages, or lets it go on: it is for an
// application that cannot keep up. What is held is kept by its owners, for whom
// it is not acknowledged, so that in the end they cannot publish more.
func (c *Core) Hold(now time.Time, held bool) {
	c.advance(now)
	if c.held == held {
		return
	}
	if c.held = held; held {
		return
	}
	for _, m := range c.all {
		if w := &m.log; m.up && w.known && w.heard > w.end() {
			c.wantFrom(m, m, w.gen, 0, w.heard, 0)
		}
	}
}

func (c *Core) deliver(m *member, seq uint64, e *logEntry) {
	c.stats.Delivered++
	c.ready.Messages = append(c.ready.Messages, Message{Owner: m.name, Topic: e.topic, Payload: e.payload, Seq: seq})
}

// hearLog notes up to where an owner's log goes. It is false for a former
// generation's.
func (c *Core) hearLog(m *member, gen, end uint64) bool {
	w := &m.log
	if gen < w.gen {
		return false
	}
	if gen > w.gen {
		w.restart(gen)
	}
	w.heard = max(w.heard, end)
	if !w.known && end > 0 {
		c.acknowledge(m) // which asks where to begin
	}
	return true
}

// raiseLog notes that an owner has let go of its log up to floor. What has not
// got here by then is lost.
func (c *Core) raiseLog(m *member, floor uint64) {
	w := &m.log
	if floor <= w.floor {
		return
	}
	w.floor = floor
	if floor > w.end() {
		if w.known {
			c.stats.Lost += floor - w.end()
		}
		w.trim(w.end())
		w.base = floor
		c.acknowledge(m)
		return
	}
	w.trim(floor)
}

// begin is told by an owner where deliveries of its log begin.
func (c *Core) begin(m *member, gen, at uint64) {
	if !c.hearLog(m, gen, at) || m.log.known {
		return
	}
	w := &m.log
	w.known, w.prevGen, w.prevAt = true, 0, 0
	m.askWait = 0
	if m.acking {
		m.ackDue = c.now
		sooner(&c.nextAck, c.now)
	}
	if at < w.base || at > w.end() {
		if w.floor > at {
			c.stats.Lost += w.floor - at
			at = w.floor
		}
		w.trim(w.end())
		w.base = at
	} else {
		for i := at - w.base; i < uint64(len(w.entries)); i++ {
			c.deliver(m, w.base+i+1, &w.entries[i])
		}
	}
	c.acknowledge(m)
	if w.heard > w.end() {
		c.wantFrom(m, m, w.gen, 0, w.heard, 0)
	}
}

// bound keeps a copy's window within its bounds. What it lets go of has been
// delivered, if anything has.
func (c *Core) bound(m *member) {
	w := &m.log
	n := uint64(0)
	for bytes := w.bytes; len(w.entries)-int(n) > c.cfg.LogEntries || bytes > c.cfg.LogBytes && int(n) < len(w.entries); n++ {
		bytes -= w.entries[n].size()
	}
	w.trim(w.base + n)
}
