package record

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// Step takes in a packet: a message of type TypeRecord, type byte included.
// msg is not kept.
func (c *Core) Step(now time.Time, from netip.AddrPort, msg []byte) error {
	c.advance(now)
	c.stats.PacketsIn++
	if len(msg) == 0 || wire.Type(msg[0]) != wire.TypeRecord {
		return c.malformed(from)
	}
	d := decoder{b: msg[1:]}
	name := d.name()
	if d.bad || !checkItems(d) {
		return c.malformed(from)
	}
	sender := c.find(name)
	if sender == nil || sender == c.self {
		c.stats.Unknown++
		return fmt.Errorf("packet of %q at %v: %w", name, from, ErrUnknown)
	}
	for it := (item{}); d.next(&it); {
		c.take(sender, &it)
	}
	return nil
}

func (c *Core) malformed(from netip.AddrPort) error {
	c.stats.Malformed++
	return fmt.Errorf("from %v: %w", from, ErrMalformed)
}

// take acts on one item of a packet.
func (c *Core) take(sender *member, it *item) {
	switch it.kind {
	case itemHint, itemMap, itemLog:
		c.takeNews(sender, it)
	case itemAck:
		if it.gen == c.self.log.gen && sender.up {
			sender.reader.gen = it.peerGen
			c.progress(sender, it.at)
		}
	case itemAsk:
		// Whatever generation it has heard of, it wants to know of this one.
		c.answerAsk(sender, it.peerGen, it.prevGen, it.at)
	case itemStart:
		c.begin(sender, it.gen, it.at)
	case itemProd:
		c.prodded(sender, it)
	}
}

// prodded tells an owner how far its log has got here, at once, and fetches
// what is missing.
func (c *Core) prodded(owner *member, it *item) {
	if !c.hearLog(owner, it.gen, it.at) {
		return
	}
	c.raiseLog(owner, it.floor)
	if !owner.log.known {
		return // being asked
	}
	if it.at > owner.log.end() {
		c.wantFrom(owner, owner, owner.log.gen, 0, it.at, 0)
	}
	owner.ackedAt = never
	c.acknowledge(owner)
}

// takeNews acts on news about an owner, who need not be the sender.
func (c *Core) takeNews(sender *member, it *item) {
	m := c.find(it.name)
	if m == nil {
		c.stats.Unknown++ // digests will bring it once the membership knows it
		return
	}
	switch it.kind {
	case itemHint:
		c.hear(m, sender, &it.hint, c.cfg.GossipInterval/4)
	case itemMap:
		g := &it.segment
		if m == c.self {
			c.heardSelf(g.gen, g.to, 0)
			return
		}
		switch c.merge(m, g) {
		case known:
			c.stats.Known++
		case gap:
			c.stats.Gaps++
			c.wantFrom(m, sender, g.gen, g.to, 0, c.cfg.GossipInterval)
		}
	case itemLog:
		g := &it.stretch
		if m == c.self {
			c.heardSelf(g.gen, 0, g.end())
			return
		}
		switch c.mergeLog(m, g) {
		case known:
			c.stats.Known++
		case gap:
			c.stats.Gaps++
			c.wantFrom(m, sender, g.gen, 0, g.end(), c.cfg.GossipInterval)
		}
	}
}

// hear is told how far somebody's copy of an owner's records is, and has what
// is new fetched from there after a while, in which it may come by itself.
func (c *Core) hear(m, source *member, g *digest, wait time.Duration) {
	if m == c.self {
		c.heardSelf(g.gen, g.version, 0)
		c.heardSelf(g.logGen, 0, g.logEnd)
		return
	}
	if g.gen == m.cur.gen {
		c.raise(&m.cur, g.floor)
	}
	c.hearLog(m, g.logGen, g.logEnd)
	behind := m.cur.before(g.gen, g.version)
	log := m.log.known && g.logGen == m.log.gen && g.logEnd > m.log.end()
	if !behind && !log {
		return
	}
	end := uint64(0)
	if log {
		end = g.logEnd
	}
	c.wantFrom(m, source, g.gen, g.version, end, wait)
}
