package swim

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// lostMember is what stays of a dead member that was forgotten: enough to look
// for it again, and to know an alive message from before its death.
type lostMember struct {
	name string
	addr netip.AddrPort
	inc  uint32
}

// lost remembers the latest dead, up to lostMax.
type lost struct{ members []lostMember }

const lostMax = 512

func (l *lost) find(name string) *lostMember {
	for i := range l.members {
		if l.members[i].name == name {
			return &l.members[i]
		}
	}
	return nil
}

func (l *lost) add(m lostMember) {
	l.remove(m.name)
	if len(l.members) == lostMax {
		l.members = append(l.members[:0], l.members[1:]...)
	}
	l.members = append(l.members, m)
}

func (l *lost) remove(name string) {
	for i := range l.members {
		if l.members[i].name == name {
			l.members = append(l.members[:i], l.members[i+1:]...)
			return
		}
	}
}

// reapEvery is how often the dead are looked at.
func (c *Core) reapEvery() time.Duration { return max(c.cfg.GossipToTheDead/4, time.Second) }

// reap forgets members dead or gone for longer than GossipToTheDead. Those that
// died, and did not leave, stay candidates for a reconnect.
func (c *Core) reap() {
	c.nextReap = never
	var gone []memberID
	for _, id := range c.table.ring[c.table.live:] {
		if c.now >= c.table.at(id).since.instant().add(c.cfg.GossipToTheDead) {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		m := c.table.at(id)
		if m.state == wire.StateDead {
			l := lostMember{name: m.name, addr: m.addr(), inc: m.inc}
			if l.inc >= incMax {
				l.inc = 0 // used up, see outbid
			}
			c.lost.add(l)
		}
		if c.probe.active && c.probe.target == id {
			c.probe.active = false
		}
		c.event(Event{Kind: EventForgotten, Member: c.export(id)})
		c.queue.remove(uint64(id))
		c.table.remove(id)
		c.changes++
	}
	if len(gone) > 0 {
		c.leaveRound()
	}
	if len(c.table.ring) > c.table.live {
		c.nextReap = c.now.add(c.reapEvery())
	}
}

// leaveRound takes forgotten members out of the round, keeping its place.
func (c *Core) leaveRound() {
	kept, next := c.order[:0], 0
	for i, id := range c.order {
		if i == c.next {
			next = len(kept)
		}
		if c.table.at(id).name != "" {
			kept = append(kept, id)
		}
	}
	if c.next >= len(c.order) {
		next = len(kept)
	}
	c.order, c.next = kept, next
}

// tell sends a member that is announced as alive, but known to have died at an
// incarnation no lower, its own death: only so can it outbid it. A member that
// restarted counts from one again, and nobody else has a reason to contradict
// it (memberlist leaves it dead until chance helps, its issue 311).
//
// When the announcement is the member's own it is told always. When it came by
// way of others, all of them hear it; a few of them are enough.
func (c *Core) tell(name string, inc uint32, addr netip.AddrPort, o origin) {
	if !addr.IsValid() || o.from != addr && !o.synced && c.rand.relay.IntN(max(1, c.table.live)) >= tellers {
		return
	}
	if !c.mayTell(name) {
		return
	}
	d := wire.Dead{Incarnation: inc, Node: name, From: c.table.at(selfID).name}
	c.scratch.msg = d.Append(c.scratch.msg[:0])
	c.postRaw(addr, c.scratch.msg)
}

// tellers is how many members, on average, answer one such announcement.
const tellers = 4

// mayTell limits the answers to one per member and second, and altogether to a
// few hundred per second: names and addresses in an alive message are anybody's
// invention.
func (c *Core) mayTell(name string) bool {
	t := &c.told
	if c.now >= t.since.add(time.Second) {
		t.since, t.n = c.now, 0
		clear(t.names)
	}
	if t.names == nil {
		t.names = make(map[string]struct{})
	}
	if _, ok := t.names[name]; ok || t.n >= tellMax {
		return false
	}
	t.n++
	t.names[string(append([]byte(nil), name...))] = struct{}{}
	return true
}

type told struct {
	since instant
	n     int
	names map[string]struct{}
}

const tellMax = 512

// reconnect tries one seed or lost member with a push/pull. Every member does,
// for ever, at a pace that keeps the cluster's tries together constant: one
// success is enough to make two halves one again, since each then hears that
// its members are held dead, and refutes.
func (c *Core) reconnect() {
	n := max(1, c.table.live/4)
	wait := times(c.cfg.ReconnectInterval, int64(n))
	c.nextRetry = c.now.add(wait/2 + time.Duration(c.rand.retry.Int64N(int64(wait))))
	if c.leave.left {
		return
	}
	if to, name, ok := c.candidate(); ok {
		c.stats.Reconnects++
		c.lookAt(to, name)
		c.ready.Streams[len(c.ready.Streams)-1].Reconnect = true
	}
}

// lookAt begins with a ping, by name, at the address of a lost member: somebody
// else may live there by now, perhaps a member of another cluster, and a
// push/pull would make the two one. A seed is who the operator says it is.
func (c *Core) lookAt(to netip.AddrPort, name string) {
	if name == "" {
		c.pushPull(to, "", false)
		return
	}
	self := c.table.at(selfID)
	p := wire.Ping{SeqNo: c.nextSeq(), Node: name, SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name}
	pending := pendingStream{kind: StreamPing, seq: p.SeqNo, name: name, to: to, found: true}
	c.openStream(StreamPing, to, p.Append(nil), c.now.add(c.cfg.StreamTimeout), pending)
}

// foundAgain goes on with a lost member that has answered.
func (c *Core) foundAgain(p pendingStream) {
	if c.leave.left {
		return
	}
	c.pushPull(p.to, p.name, false)
	c.ready.Streams[len(c.ready.Streams)-1].Reconnect = true
}

// candidate draws an address where a member may be that is not one now, and the
// name of the member that was there; none for a seed.
func (c *Core) candidate() (netip.AddrPort, string, bool) {
	dead := c.table.ring[c.table.live:]
	total := len(dead) + len(c.lost.members) + len(c.seeds)
	for range min(total, 8) {
		switch i := c.rand.retry.IntN(total); {
		case i < len(dead):
			if m := c.table.at(dead[i]); m.state == wire.StateDead {
				return m.addr(), m.name, true
			}
		case i < len(dead)+len(c.lost.members):
			l := c.lost.members[i-len(dead)]
			if id, ok := c.table.find(l.name); !ok || !c.table.at(id).live() {
				return l.addr, l.name, true
			}
		default:
			if seed := c.seeds[i-len(dead)-len(c.lost.members)]; !c.isLive(seed) {
				return seed, "", true
			}
		}
	}
	return netip.AddrPort{}, "", false
}

// isLive says whether a live member has that address. It looks at all of them;
// a reconnect is rare enough.
func (c *Core) isLive(a netip.AddrPort) bool {
	if c.table.at(selfID).addr() == a {
		return true
	}
	for _, id := range c.table.ring[:c.table.live] {
		if c.table.at(id).addr() == a {
			return true
		}
	}
	return false
}
