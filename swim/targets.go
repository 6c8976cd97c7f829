package swim

import (
	"time"

	"github.com/musterhq/muster/wire"
)

// Some applications know better than chance whom news should go to: across
// zones, say, only through a few members. With Config.SelectTargets the core
// asks before each gossip and each exchange of states (Grafana's fork of
// memberlist calls this node selection). Probes are not concerned.

// purpose is what targets are wanted for.
type purpose uint8

const (
	forGossip purpose = iota
	forSync
)

// askTargets asks the application whom to choose among; at most one question
// for each purpose waits.
func (c *Core) askTargets(why purpose) {
	if c.asking[why] {
		return
	}
	a := Ask{Kind: AskTargets}
	for _, id := range c.table.ring {
		m := c.table.at(id)
		if m.state == wire.StateAlive || why == forGossip && (m.live() || c.recentlyDead(id)) {
			a.Members = append(a.Members, c.export(id))
		}
	}
	if len(a.Members) > 0 {
		c.asking[why] = c.ask(a, pendingAsk{why: why})
	}
}

// AnswerTargets takes the answer to an AskTargets: the members that may be
// chosen from, and one, or "", that is chosen in any case.
func (c *Core) AnswerTargets(now time.Time, id uint64, among []string, preferred string) {
	c.advance(now)
	p, ok := c.asks[id]
	if !ok || p.kind != AskTargets {
		return
	}
	delete(c.asks, id)
	c.asking[p.why] = false
	if p.why == forSync {
		for _, id := range c.chosen(among, preferred, c.cfg.PushPullNodes) {
			if c.table.at(id).state == wire.StateAlive && !c.leave.left {
				c.syncWith(id)
			}
		}
		return
	}
	targets := c.chosen(among, preferred, c.cfg.GossipNodes)
	live := 0
	for _, id := range targets {
		if c.table.at(id).live() {
			live++
		}
	}
	if pending := c.queue.bytes + c.users.bytes; pending > 0 && len(targets) > 0 {
		c.gossipTo(targets, live, pending)
	}
	if len(c.held) > 0 {
		c.gossipBatches(targets, c.held)
		c.held = nil
	}
	c.scheduleGossip(0)
}

// chosen draws up to k of the members named, the preferred one first.
func (c *Core) chosen(among []string, preferred string, k int) []memberID {
	var ids []memberID
	if id, ok := c.table.find(preferred); ok && id != selfID {
		ids = append(ids, id)
	}
	pool := make([]memberID, 0, len(among))
	for _, name := range among {
		if id, ok := c.table.find(name); ok && id != selfID && !contains(ids, id) {
			pool = append(pool, id)
		}
	}
	for len(ids) < k && len(pool) > 0 {
		i := c.rand.gossip.IntN(len(pool))
		ids = appendNew(ids, pool[i])
		pool[i] = pool[len(pool)-1]
		pool = pool[:len(pool)-1]
	}
	return ids
}
