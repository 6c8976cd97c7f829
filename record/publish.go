package record

import (
	"fmt"
	"slices"
	"time"
)

// Publish appends a message to the local member's log. Every peer that is up
// now, and stays up, delivers it exactly once, after those published before it.
// Ready.Done names its sequence number when each of them has; peers that go
// down meanwhile are not waited for. Ready.Expired names it when LogAge has
// passed before. It is not delivered to the local member.
//
// ErrBusy, ErrKey and ErrTooLarge leave all as it was.
func (c *Core) Publish(now time.Time, topic string, payload []byte) (seq uint64, err error) {
	c.advance(now)
	w := &c.self.log
	e := logEntry{topic: topic, at: c.now}
	switch {
	case topic == "" || len(topic) > MaxTopic:
		return 0, fmt.Errorf("topic of %d bytes: %w", len(topic), ErrKey)
	case len(payload) > MaxPayload:
		return 0, fmt.Errorf("payload of %d bytes, at most %d: %w", len(payload), MaxPayload, ErrTooLarge)
	case len(w.entries) >= c.cfg.LogEntries, len(w.entries) > 0 && w.bytes+e.size()+len(payload) > c.cfg.LogBytes:
		c.stats.Busy++
		return 0, ErrBusy
	}
	if n := len(w.entries); n > 0 && w.entries[n-1].topic == topic {
		e.topic = w.entries[n-1].topic // one copy for all
	}
	e.payload = slices.Clone(payload)
	w.append(e)
	c.stats.Published++
	c.rumor(c.self, true, w.end()-1, w.end())
	if c.nextProd == never {
		c.nextProd, c.own.late = c.now.add(2*c.ackPeriod()), w.end()
	}
	c.finishPublished()
	return w.end(), nil
}

// reader is what an owner knows of one peer's progress in its log.
type reader struct {
	gen    uint64 // the peer's own generation, once known
	start  uint64 // what came up to here was before its time
	acked  uint64
	prodAt instant
	wait   time.Duration // between prods, the longer the more were in vain
}

// minimum is the least progress of all peers that are up, and how many have no
// more than that.
type minimum struct {
	valid bool
	acked uint64
	count int
}

// slowest returns up to where every peer that is up has the own log.
func (c *Core) slowest() uint64 {
	m := &c.own.min
	if !m.valid {
		*m = minimum{valid: true, acked: c.self.log.end()}
		for _, p := range c.ups {
			switch a := p.reader.acked; {
			case a < m.acked:
				m.acked, m.count = a, 1
			case a == m.acked:
				m.count++
			}
		}
	}
	if len(c.ups) == 0 {
		m.valid = false
		return c.self.log.end()
	}
	return m.acked
}

// progress notes that a peer has the own log up to seq.
func (c *Core) progress(p *member, seq uint64) {
	r := &p.reader
	if seq <= r.acked || seq > c.self.log.end() {
		return
	}
	m := &c.own.min
	if m.valid && r.acked == m.acked {
		if m.count--; m.count == 0 {
			m.valid = false
		}
	}
	r.acked, r.wait, r.prodAt = seq, 0, never
	if m.valid && seq == m.acked {
		m.count++
	}
	c.finishPublished()
}

// finishPublished tells of the own messages that everybody has got by now, and
// lets go of them.
func (c *Core) finishPublished() {
	if c.own.done == c.self.log.end() && c.nextProd == never {
		return
	}
	slowest := c.slowest()
	for c.own.done < slowest {
		c.own.done++
		c.ready.Done = append(c.ready.Done, c.own.done)
	}
	w := &c.self.log
	w.trim(c.own.done)
	w.floor = w.base
	if slowest == w.end() { // also those who have yet to hear of what has expired
		c.nextProd = never
	}
}

// ageLog lets go of messages that are too old to be worth keeping.
func (c *Core) ageLog(m *member) {
	w, n := &m.log, 0
	for n < len(w.entries) && w.entries[n].at.add(c.cfg.LogAge) <= c.now {
		n++
	}
	w.trim(w.base + uint64(n))
	if m != c.self {
		return
	}
	w.floor = w.base
	// Whoever lacks them will acknowledge the floor. That must not be taken for
	// having got them.
	for c.own.done < w.base {
		c.own.done++
		c.ready.Expired = append(c.ready.Expired, c.own.done)
	}
}
