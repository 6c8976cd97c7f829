package record

import "strings"

// Get returns the value of an owner's key. It is shared and must not be
// written to, and stays as it is when the key changes.
func (c *Core) Get(owner, key string) ([]byte, bool) {
	m := c.byName[owner]
	if m == nil {
		return nil, false
	}
	e := m.cur.find(alias(key))
	if e == nil || e.dead {
		return nil, false
	}
	return e.value(), true
}

// Each yields an owner's keys that begin with a prefix, the longest unchanged
// first. yield must not change the core.
func (c *Core) Each(owner, prefix string, yield func(key string, value []byte, version uint64) bool) {
	m := c.byName[owner]
	if m == nil {
		return
	}
	m.cur.each(func(e *entry) bool {
		key := text(e.key())
		return !strings.HasPrefix(key, prefix) || yield(key, e.value(), e.version)
	})
}

// Owners yields everybody whose records are known, in no order that means
// anything.
func (c *Core) Owners(yield func(name string) bool) {
	for _, m := range c.all {
		if (m == c.self || m.cur.gen > 0) && !yield(m.name) {
			return
		}
	}
}

// Version returns the generation and version of the copy of an owner's map
// that Get and Each read. It never goes back, until the owner is forgotten.
func (c *Core) Version(owner string) (generation, version uint64) {
	m := c.byName[owner]
	if m == nil {
		return 0, 0
	}
	return m.cur.gen, m.cur.at
}

// LogEnd returns the sequence number of the last message known of an owner.
func (c *Core) LogEnd(owner string) uint64 {
	m := c.byName[owner]
	if m == nil {
		return 0
	}
	return m.log.end()
}

// Digest returns a hash of how far all copies are that are compared with those
// of others. Cores with equal digests have equal records.
func (c *Core) Digest() uint64 { return total(c.elements(0, c.comparable(nil))) }
