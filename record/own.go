package record

import (
	"bytes"
	"fmt"
	"time"
)

// own is what only the owner of a map keeps.
type own struct {
	leases leases
	graves []grave // deletions, the oldest first
	done   uint64  // own messages that everybody has
	min    minimum
	late   uint64 // the last own message when it was last looked who is late
}

// grave says when a deletion happened.
type grave struct {
	version uint64
	at      instant
}

// Set gives one of the local member's keys a value. With a ttl above zero the
// key is deleted when that is over, unless Touch or Set come before. A value
// that the key has already is no change: no version is taken and nothing is
// sent, only the ttl starts again.
//
// The value is copied. ErrKey, ErrTooLarge and ErrFull leave all as it was.
func (c *Core) Set(now time.Time, key string, value []byte, ttl time.Duration) error {
	c.advance(now)
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("key of %d bytes: %w", len(key), ErrKey)
	}
	if len(value) > MaxValue {
		return fmt.Errorf("value of %d bytes, at most %d: %w", len(value), MaxValue, ErrTooLarge)
	}
	s := &c.self.cur
	e := s.find(alias(key))
	if e != nil && !e.dead && bytes.Equal(e.value(), value) {
		c.lease(e, key, ttl)
		return nil
	}
	if !c.roomFor(c.self, s, e, len(key)+len(value)) {
		return fmt.Errorf("%d keys, %d bytes: %w", s.len(), s.bytes, ErrFull)
	}
	data := make([]byte, 0, len(key)+len(value))
	data = append(append(data, key...), value...)
	lease := uint32(0)
	if e != nil {
		lease = e.lease
	}
	c.write(entry{data: data, klen: uint16(len(key)), lease: lease})
	c.lease(s.find(alias(key)), key, ttl)
	c.stats.Sets++
	return nil
}

// Touch starts the time to live of one of the local member's keys again,
// without a new version and without any traffic. It reports whether the key
// has a value. A ttl of zero or less takes the limit away.
func (c *Core) Touch(now time.Time, key string, ttl time.Duration) bool {
	c.advance(now)
	e := c.self.cur.find(alias(key))
	if e == nil || e.dead {
		return false
	}
	c.lease(e, key, ttl)
	return true
}

// Delete takes the value of one of the local member's keys away, and reports
// whether it had one.
func (c *Core) Delete(now time.Time, key string) bool {
	c.advance(now)
	return c.remove1(key)
}

func (c *Core) remove1(key string) bool {
	e := c.self.cur.find(alias(key))
	if e == nil || e.dead {
		return false
	}
	c.lease(e, key, 0)
	c.write(entry{data: []byte(key), klen: uint16(len(key)), dead: true})
	c.own.graves = append(c.own.graves, grave{c.self.cur.at, c.now})
	c.stats.Deletes++
	return true
}

// write gives an own change the next version and sends it off.
func (c *Core) write(e entry) {
	s := &c.self.cur
	e.version = s.at + 1
	c.apply(c.self, s, e, true)
	s.reached(e.version, e.version)
	c.rumor(c.self, false, e.version-1, e.version)
}

// collect forgets the deletions that are old enough for every member in touch
// to have heard of them. Others are told by the floor that they have not.
func (c *Core) collect() {
	s := &c.self.cur
	n := 0
	for n < len(c.own.graves) && c.own.graves[n].at.add(c.cfg.TombstoneAge) <= c.now {
		n++
	}
	if n == 0 {
		return
	}
	floor := c.own.graves[n-1].version
	c.own.graves = append(c.own.graves[:0], c.own.graves[n:]...)
	if cap(c.own.graves) > 64+4*len(c.own.graves) {
		c.own.graves = append([]grave(nil), c.own.graves...)
	}
	c.raise(s, floor)
	c.rumor(c.self, false, s.at, s.at) // a hint, which carries the floor
}

// heardSelf is told what others say of the local member. What it has not said
// itself is from a former process under its name: it takes a generation above
// that one's, under which all it has supersedes what the others have.
func (c *Core) heardSelf(gen, version, logEnd uint64) {
	s := &c.self.cur
	if gen < s.gen || gen == s.gen && version <= s.at && logEnd <= c.self.log.end() {
		return
	}
	if gen+1 >= generationMax {
		return // nobody has lived that often
	}
	c.stats.Superseded++
	s.gen = gen + 1
	c.self.log.gen = s.gen
	if len(c.gens) == gensMax {
		c.gens = append(c.gens[:0], c.gens[1:]...)
	}
	c.gens = append(c.gens, s.gen)
	c.self.dropRumors()
	c.rumor(c.self, false, 0, s.at)
	if w := &c.self.log; w.end() > w.base {
		c.rumor(c.self, true, w.base, w.end())
	}
}

// gensMax bounds the own generations that are remembered.
const gensMax = 64

// Generation returns the generation that the local member has now: the one it
// was given, or a higher one if it has heard of that.
func (c *Core) Generation() uint64 { return c.self.cur.gen }
