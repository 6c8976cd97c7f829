package swim

import (
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/wire"
)

// scratch holds buffers whose contents live no longer than one call.
type scratch struct {
	taken   []*broadcast
	parts   [][]byte
	targets []memberID
	packed  [][]byte
	plain   []byte
	msg     []byte
}

const (
	partOverhead = 2   // a message's length in a compound
	headOverhead = 2   // type and count of a compound
	partsMax     = 255 // a compound counts its messages in one byte
	partMax      = 1<<16 - 1
	userFloor    = 8 // a broadcast goes to at least this many members, or to all
)

// transmitLimit is how often a broadcast is sent: RetransmitMult*ceil(log10(n+1))
// as memberlist has it, but never less than to every member of a small cluster.
// With few sends to few targets a rumour dies out before it has reached
// everybody: n members missed with probability about e^-limit each.
func (c *Core) transmitLimit() int {
	digits := 1
	for n := c.table.live + 1; n >= 10; n /= 10 {
		digits++
	}
	return max(c.cfg.RetransmitMult*digits, min(c.table.live, userFloor))
}

// wantGossip brings the next gossip forward to as soon as the interval allows.
// A queue that was empty need not wait for a tick: news leaves at once, after a
// moment for what belongs with it to arrive.
func (c *Core) wantGossip() {
	if c.cfg.GossipInterval <= 0 {
		return
	}
	at := c.now.add(c.cfg.GossipInterval / 20)
	if c.lastGossip != never {
		at = max(at, c.lastGossip.add(c.cfg.GossipInterval))
	}
	if c.nextGossip == never || at < c.nextGossip {
		c.nextGossip = at
	}
}

// gossip sends what waits to a few members, the same to each of them: building
// a packet costs more than sending it.
func (c *Core) gossip() {
	late := c.now - c.nextGossip
	c.lastGossip, c.nextGossip = c.now, never
	if len(c.table.ring) == 0 {
		// There is nobody to tell; whoever joins learns all in its push/pull.
		c.queue.clear()
		c.users.clear()
	}
	if n := min(c.cfg.GossipNodes, c.table.live); c.cfg.PullBroadcasts && n > 0 {
		c.ask(Ask{Kind: AskBroadcasts, Limit: c.room() - headOverhead - partOverhead - 1, Targets: n}, pendingAsk{})
	}
	pending := c.queue.bytes + c.users.bytes
	switch {
	case pending == 0:
	case c.cfg.SelectTargets:
		c.askTargets(forGossip)
	default:
		targets, live := c.pickGossip()
		c.gossipTo(targets, live, pending)
	}
	c.scheduleGossip(time.Duration(late))
}

func (c *Core) gossipTo(targets []memberID, live, pending int) {
	room := c.room()
	if c.cfg.Compress && pending > room {
		room = int(float64(room) * c.ratio)
	}
	parts, taken := c.fill(c.scratch.parts[:0], room-headOverhead, max(live, 1))
	c.scratch.parts = parts
	for _, caps := range [...]wire.Caps{0, wire.CapMuster} {
		packed := false
		for _, id := range targets {
			m := c.table.at(id)
			if m.caps&wire.CapMuster != caps {
				continue
			}
			if !packed {
				c.scratch.packed = c.pack(c.scratch.packed[:0], choose(parts, taken, caps))
				packed = true
			}
			c.emit(m, c.scratch.packed)
		}
	}
}

// scheduleGossip sets the next tick: sooner the more is waiting, so that a wave
// of joins drains instead of standing in line. A member whose ticks come late is
// short of time already and keeps to the interval.
func (c *Core) scheduleGossip(late time.Duration) {
	pending := c.queue.bytes + c.users.bytes
	if pending == 0 {
		c.queue.trim()
		c.users.trim()
		c.scratch = scratch{}
	}
	if c.cfg.GossipInterval <= 0 || pending == 0 && !c.cfg.PullBroadcasts {
		return
	}
	wait := c.cfg.GossipInterval
	switch packets := pending / c.room(); {
	case late > wait/8:
	case packets >= 2:
		wait /= 2
	}
	at := c.now.add(max(wait, time.Millisecond))
	if c.nextGossip == never || at < c.nextGossip {
		c.nextGossip = at
	}
}

// pickGossip chooses up to GossipNodes members and tells how many are live.
// Live members come from a walk over all of them, so that consecutive ticks
// reach different ones. A member that died lately gets its share too: if
// it is wrongly held dead, that is how it learns to refute.
func (c *Core) pickGossip() (targets []memberID, live int) {
	t, k := c.table, min(c.cfg.GossipNodes, len(c.table.ring))
	targets = c.scratch.targets[:0]
	for range k {
		if dead := len(t.ring) - t.live; dead > 0 {
			if r := c.rand.gossip.IntN(len(t.ring)); r >= t.live && c.recentlyDead(t.ring[r]) {
				targets = appendNew(targets, t.ring[r])
				continue
			}
		}
		if live < t.live {
			targets = append(targets, t.ring[c.walk.next(t.live, c.rand.gossip)])
			live++
		}
	}
	c.scratch.targets = targets
	return targets, live
}

// walk goes through n places in a random order without touching them: from a
// random start by a random step that shares no factor with n, so that it comes
// by each place once before it comes by one again. Then, or when n changes, it
// draws anew.
type walk struct{ at, step, left, n int }

func (w *walk) next(n int, r *rand.Rand) int {
	if w.left == 0 || w.n != n {
		*w = walk{at: r.IntN(n), step: 1, left: n, n: n}
		for tries := 0; n > 2 && tries < 16; tries++ {
			if s := 1 + r.IntN(n-1); coprime(s, n) {
				w.step = s
				break
			}
		}
	}
	w.left--
	if w.at += w.step; w.at >= n {
		w.at -= n
	}
	return w.at
}

func coprime(a, b int) bool {
	for b != 0 {
		a, b = b, a%b
	}
	return a == 1
}

func contains(ids []memberID, id memberID) bool {
	for _, other := range ids {
		if other == id {
			return true
		}
	}
	return false
}

func appendNew(ids []memberID, id memberID) []memberID {
	if contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func (c *Core) recentlyDead(id memberID) bool {
	m := c.table.at(id)
	return m.state == wire.StateDead && c.now < m.since.instant().add(c.cfg.GossipToTheDead)
}
