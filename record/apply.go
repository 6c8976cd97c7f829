package record

import "bytes"

// apply puts one change into a copy, which must have room for it, and shows it
// to the application if this is the copy that readers see.
func (c *Core) apply(m *member, s *state, e entry, show bool) {
	before := s.bytes
	old := s.put(e)
	c.bytes += s.bytes - before
	if show {
		c.show(m, &old, &e)
	}
}

// show tells the application how a key has changed, if it has.
func (c *Core) show(m *member, old, e *entry) {
	event := Event{Kind: EventSet, Owner: m.name, Key: text(e.key()), Version: e.version}
	had := old.data != nil && !old.dead
	if had {
		event.Old = old.value()
	}
	switch {
	case !e.dead:
		if had && bytes.Equal(event.Old, e.value()) {
			return
		}
		event.Value = e.value()
	case had:
		event.Kind = EventDelete
	default:
		return
	}
	c.event(event)
}

// roomFor reports whether a copy may take a change of data bytes in place of
// old, which is nil for a new key.
func (c *Core) roomFor(m *member, s *state, old *entry, data int) bool {
	more := cost(data)
	if old != nil {
		more -= cost(len(old.data))
	} else if s.len() >= c.cfg.MaxKeys {
		return false
	}
	// The copy that another one replaces is not counted, so that one that had
	// no room to grow can be replaced by a smaller one.
	other := m.bytes() - s.bytes
	return more <= 0 || s.bytes+more <= c.cfg.MaxBytes && c.bytes-other+more <= c.cfg.MaxTotal
}

func (c *Core) raise(s *state, floor uint64) {
	before := s.bytes
	s.raise(floor)
	c.bytes += s.bytes - before
}

// outcome is what became of a segment.
type outcome uint8

const (
	applied outcome = iota // it brought something
	known                  // there was nothing new in it
	stale                  // it is of a former generation
	gap                    // what precedes it is missing
	refused                // there is no room for it
)

// merge takes over a segment of another member's map. It goes into the copy
// that readers see if it continues that one, and otherwise into the copy that
// is to replace it.
func (c *Core) merge(m *member, g *segment) outcome {
	cur := &m.cur
	c.hearLog(m, g.gen, 0)
	switch {
	case g.gen < cur.gen:
		return stale
	case g.gen == cur.gen && g.to <= cur.at && g.floor <= cur.base:
		c.raise(cur, g.floor)
		return known
	case g.gen == cur.gen && g.from <= cur.at && (g.floor <= cur.base || cur.at == 0):
		return c.extend(m, cur, g, true)
	case g.from == 0 && cur.len() == 0:
		// Nothing is shown that this could contradict.
		c.dropNext(m)
		*cur = newState(g.gen, c.seed)
		return c.extend(m, cur, g, true)
	}
	return c.stage(m, g)
}

// stage takes a segment over into the copy that is to replace the one that
// readers see, because the owner has begun anew, or because that copy was out
// of touch for so long that deletions it has missed are forgotten.
func (c *Core) stage(m *member, g *segment) outcome {
	if g.from == 0 && (m.next == nil || m.next.gen != g.gen || g.floor > m.next.base) {
		if m.next != nil && m.next.gen > g.gen {
			return stale
		}
		c.dropNext(m)
		s := newState(g.gen, c.seed)
		m.next = &s
	}
	next := m.next
	if next == nil || next.gen != g.gen || g.from > next.at || g.floor > next.base && next.at > 0 {
		return gap
	}
	if g.to <= next.at && g.to > 0 {
		return known
	}
	out := c.extend(m, next, g, false)
	if next.complete() && (next.gen > m.cur.gen || next.at >= m.cur.at) {
		c.replace(m)
	}
	return out
}

func (c *Core) dropNext(m *member) {
	if m.next != nil {
		c.bytes -= m.next.bytes
		m.next = nil
	}
}

// extend applies the changes of a segment that continues a copy.
func (c *Core) extend(m *member, s *state, g *segment, show bool) outcome {
	from := s.at
	for es := g.entries(); es.next(); {
		if es.version <= s.at {
			continue
		}
		if !c.roomFor(m, s, s.find(es.key), len(es.key)+len(es.value)) {
			// Everything before this one is in; the copy stays that far behind.
			s.reached(max(from, es.version-1), g.asOf)
			c.stats.Refused++
			m.refused = c.now
			c.passOn(m, s, from)
			return refused
		}
		c.apply(m, s, es.entry(), show)
		c.stats.Applied++
	}
	s.reached(g.to, g.asOf)
	c.raise(s, g.floor)
	if next := m.next; show && next != nil && next.gen == s.gen && s.complete() && s.at >= next.base {
		c.dropNext(m) // it has caught up some other way
	}
	c.passOn(m, s, from)
	return applied
}

// passOn has a member's news gossiped once readers see them.
func (c *Core) passOn(m *member, s *state, from uint64) {
	if s == &m.cur && m != c.self {
		c.rumor(m, false, from, s.at)
	}
}

// replace makes the staged copy the one that readers see, in one step, and
// tells the application what that changes.
func (c *Core) replace(m *member) {
	old, next := m.cur, m.next
	m.cur, m.next = *next, nil
	c.bytes -= old.bytes
	c.stats.Resets++
	old.each(func(e *entry) bool {
		if now := m.cur.find(e.key()); now == nil || now.dead {
			c.event(Event{Kind: EventDelete, Owner: m.name, Key: text(e.key()), Old: e.value(), Version: m.cur.at})
		}
		return true
	})
	m.cur.each(func(e *entry) bool {
		was := old.find(e.key())
		if was == nil {
			was = &entry{}
		}
		c.show(m, was, e)
		return true
	})
	c.passOn(m, &m.cur, 0)
}
