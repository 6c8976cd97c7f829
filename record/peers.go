package record

import (
	"net/netip"
	"time"
)

// PeerUp says that a member is alive and takes part in the exchange of
// records, or that its address has changed.
func (c *Core) PeerUp(now time.Time, name string, addr netip.AddrPort) {
	c.advance(now)
	if name == c.cfg.Name || name == "" || len(name) > MaxName {
		return
	}
	m := c.byName[name]
	if m == nil {
		m = &member{name: name, cur: newState(0, c.seed)}
		c.add(m)
	}
	m.addr = addr
	if m.up {
		return
	}
	alone := len(c.ups) == 0
	c.setUp(m)
	// It is promised what is published from now on, see Core.Publish.
	m.reader = reader{start: c.self.log.end(), acked: c.self.log.end()}
	c.own.min.valid = false
	if alone {
		// Whoever comes from being alone has things to tell, if only that it
		// is a new process with nothing under its name.
		c.rumor(c.self, false, 0, c.self.cur.at)
	}
	// Somebody is to compare notes with it soon: itself, knowing nobody else
	// yet, does for certain, of the others a few do.
	if c.cfg.SyncInterval > 0 && c.rand.sync.IntN(len(c.ups)) < 3 {
		c.syncWith = m
		sooner(&c.nextSync, c.now.add(c.cfg.GossipInterval/2+time.Duration(c.rand.sync.Int64N(int64(c.cfg.GossipInterval)))))
	}
}

// PeerDown says that a member has died or left. What it owned stays readable
// until Forget.
func (c *Core) PeerDown(now time.Time, name string) {
	c.advance(now)
	if m := c.byName[name]; m != nil && m.up {
		c.setDown(m)
		m.downAt = c.now
		c.own.min.valid = false
		c.finishPublished()
	}
}

// Forget drops a member and all it owned, as Ready.Events tells.
func (c *Core) Forget(now time.Time, name string) {
	c.PeerDown(now, name)
	m := c.byName[name]
	if m == nil || m == c.self {
		return
	}
	m.cur.each(func(e *entry) bool {
		c.event(Event{Kind: EventDelete, Owner: m.name, Key: string(e.key()), Old: e.value(), Version: m.cur.at})
		return true
	})
	c.bytes -= m.bytes()
	m.dropRumors()
	m.cur, m.next, m.log, m.gone = newState(0, c.seed), nil, window{}, true
	m.want = want{}
	c.remove(m)
}

func (c *Core) event(e Event) { c.ready.Events = append(c.ready.Events, e) }
