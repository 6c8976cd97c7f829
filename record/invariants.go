package record

import "fmt"

// Check verifies what must hold of a core between any two inputs. Tests call it;
// it takes time in proportion to all records.
func (c *Core) Check() error {
	bytes := int64(0)
	for i, m := range c.all {
		if m.pos != i || c.byName[m.name] != m || m.gone {
			return fmt.Errorf("member %q is not at its place %d", m.name, i)
		}
		bytes += m.bytes()
		for _, s := range []*state{&m.cur, m.next} {
			if s == nil {
				continue
			}
			if err := s.check(); err != nil {
				return fmt.Errorf("records of %q: %w", m.name, err)
			}
		}
		if err := m.log.check(); err != nil {
			return fmt.Errorf("log of %q: %w", m.name, err)
		}
	}
	if bytes != c.bytes {
		return fmt.Errorf("%d bytes counted, there are %d", c.bytes, bytes)
	}
	for i, m := range c.ups {
		if !m.up || m.upPos != i {
			return fmt.Errorf("peer %q is not at its place %d", m.name, i)
		}
	}
	return c.checkPulls()
}

// checkPulls: every owner is fetched by one stream at most, and that is open.
func (c *Core) checkPulls() error {
	open := make(map[uint64]bool)
	for _, s := range c.streams {
		open[s.id] = true
	}
	for _, m := range c.all {
		if m.pulling != 0 && !open[m.pulling] {
			return fmt.Errorf("%q is fetched by stream %d, which is over", m.name, m.pulling)
		}
	}
	if len(c.streams) > c.cfg.PullsMax+1 {
		return fmt.Errorf("%d streams are open, at most %d", len(c.streams), c.cfg.PullsMax+1)
	}
	return nil
}

// check: versions rise and do not exceed what the copy claims to have, each
// key has one entry and is found there, and the counts are right.
func (s *state) check() error {
	live, graves, last, bytes := 0, 0, uint64(0), int64(0)
	for i := range s.entries {
		e := &s.entries[i]
		if e.version <= last || e.version > s.at {
			return fmt.Errorf("version %d after %d, up to %d", e.version, last, s.at)
		}
		last = e.version
		if e.data == nil {
			continue
		}
		bytes += cost(len(e.data))
		if e.dead {
			graves++
			if e.version <= s.floor {
				return fmt.Errorf("tombstone %d below floor %d", e.version, s.floor)
			}
		} else {
			live++
		}
		if s.find(e.key()) != e {
			return fmt.Errorf("key %q is not found", e.key())
		}
	}
	if live != s.live || graves != s.graves || bytes != s.bytes {
		return fmt.Errorf("counts %d keys, %d tombstones, %d bytes; has %d, %d, %d", s.live, s.graves, s.bytes, live, graves, bytes)
	}
	if s.base < s.at || s.floor > s.base {
		return fmt.Errorf("floor %d, base %d, at %d", s.floor, s.base, s.at)
	}
	return nil
}

func (w *window) check() error {
	bytes := 0
	for i := range w.entries {
		bytes += w.entries[i].size()
	}
	if bytes != w.bytes {
		return fmt.Errorf("%d bytes counted, there are %d", w.bytes, bytes)
	}
	return nil
}
