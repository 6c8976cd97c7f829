package swim

import (
	"time"

	"github.com/musterhq/muster/wire"
)

// leaving is a graceful leave under way.
type leaving struct {
	left    bool
	done    bool
	goAt    instant // when the grace is over, never if there is none
	due     instant // when those that have not confirmed are told again
	tries   int
	pending map[uint32]memberID // pings that carried the intent, by sequence number
	told    map[memberID]bool   // confirmed
}

const (
	leaveWitnesses = 3 // as many members must have confirmed before a leave is done
	leaveTries     = 8 // or this many rounds must have passed
)

// Leave tells the others that this member goes of its own will. The intent
// rides on pings, whose acks prove that it arrived: LeaveDone turns true when
// a few members have it, who then spread it, not when every retransmission of
// it has been sent. The core goes on answering until it is dropped.
func (c *Core) Leave(now time.Time) {
	c.advance(now)
	if c.leave.left || c.leave.goAt != never {
		return
	}
	if c.cfg.LeaveGrace > 0 && c.table.live > 0 {
		c.say(true)
		c.leave.goAt = c.now.add(c.cfg.LeaveGrace)
		return
	}
	c.goNow()
}

// say announces that this member is leaving, or stays after all. It serves as
// before; muster peers know. To memberlist peers it is an alive like any other.
func (c *Core) say(leaving bool) {
	self := c.table.at(selfID)
	about := self.about()
	about.Leaving = leaving
	c.table.setProfile(self, self.prof.meta, self.prof.versions, about)
	c.outbid(self.inc)
	c.changes++
	c.announce(selfID)
	if leaving {
		c.event(Event{Kind: EventLeaving, Member: c.export(selfID), OldMeta: self.prof.meta})
	}
}

// goNow leaves.
func (c *Core) goNow() {
	self := c.table.at(selfID)
	c.leave = leaving{left: true, pending: make(map[uint32]memberID), told: make(map[memberID]bool)}
	c.probe.active = false
	c.nextProbe = never
	c.table.setState(selfID, wire.StateLeft, c.now)
	c.changes++
	d := wire.Dead{Incarnation: self.inc, Node: self.name, From: self.name}
	c.passOn(selfID, func(b []byte) []byte { return d.Append(b) })
	c.event(Event{Kind: EventLeave, Member: c.export(selfID), From: self.name, OldMeta: self.prof.meta})
	c.retryLeave()
}

// LeaveDone tells whether the others know.
func (c *Core) LeaveDone() bool { return c.leave.done }

// retryLeave tells members that have not confirmed, in a small cluster all.
func (c *Core) retryLeave() {
	l, self := &c.leave, c.table.at(selfID)
	l.due = never
	if l.tries++; c.table.live == 0 || l.tries > leaveTries {
		l.done = true
	}
	if l.done {
		return
	}
	d := wire.Dead{Incarnation: self.inc, Node: self.name, From: self.name}
	for _, id := range c.pickAlive(c.rand.gossip, 2*userFloor, selfID) {
		if l.told[id] {
			continue
		}
		m, seq := c.table.at(id), c.nextSeq()
		l.pending[seq] = id
		p := wire.Ping{
			SeqNo: seq, Node: m.name, Caps: c.caps(),
			SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name,
		}
		// The intent goes first: whoever has answered has read it.
		msg := d.Append(make([]byte, 0, 256))
		cut := len(msg)
		msg = p.Append(msg)
		c.post(id, msg[:cut:cut], msg[cut:])
	}
	l.due = c.now.add(max(c.cfg.GossipInterval, c.cfg.ProbeTimeout/2, 10*time.Millisecond))
}

// confirm takes an ack to a ping that carried the intent.
func (l *leaving) confirm(seq uint32) bool {
	id, ok := l.pending[seq]
	if ok {
		delete(l.pending, seq)
		l.told[id] = true
	}
	return ok
}

// checkLeave counts who has confirmed and is still there: members that leave
// at the same time are no witnesses of each other.
func (c *Core) checkLeave() {
	n := 0
	for id := range c.leave.told {
		if m := c.table.at(id); m.name != "" && m.live() {
			n++
		}
	}
	if n > 0 && n >= min(leaveWitnesses, c.table.live) {
		c.leave.done = true
	}
}

// rejoin undoes a leave: the member comes back as news of itself.
func (c *Core) rejoin() {
	c.leave = leaving{}
	self := c.table.at(selfID)
	about := self.about()
	about.Leaving = false
	c.table.setProfile(self, self.prof.meta, self.prof.versions, about)
	c.outbid(self.inc)
	c.table.setState(selfID, wire.StateAlive, c.now)
	c.changes++
	c.schedule()
	c.announce(selfID)
	c.event(Event{Kind: EventJoin, Member: c.export(selfID)})
}
