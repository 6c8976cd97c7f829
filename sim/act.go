package sim

import (
	"net/netip"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// after acts on what n's core wants done, in its order, then checks the core
// and schedules its next tick.
func (c *Cluster) after(n *node) {
	rd := n.core.Ready()
	var failed []netip.AddrPort
	for i := range rd.Packets {
		if !c.send(n, &rd.Packets[i]) {
			failed = append(failed, rd.Packets[i].To)
		}
	}
	for i := range rd.Streams {
		c.open(n, &rd.Streams[i])
	}
	for i := range rd.Events {
		c.observe(n, &rd.Events[i])
	}
	for i := range rd.Messages {
		c.hear(n, &rd.Messages[i])
	}
	for i := range rd.Asks {
		c.asked(n, &rd.Asks[i])
	}
	for _, d := range rd.Done {
		c.joinDone(n, d)
	}
	c.examine(n, len(rd.Events) > 0)
	for _, to := range failed {
		n.core.Unreachable(c.clock(n), to)
		c.after(n)
	}
	if n.leaving && !n.stopping && n.core.LeaveDone() {
		n.stopping = true
		c.note("%s has left", n.name)
		c.checkLeft(n)
		c.at(c.now, evStop, n.id)
	}
	c.retick(n)
}

// joinDone takes the outcome of the shell's attempt to get in.
func (c *Cluster) joinDone(n *node, d swim.Done) {
	if d.ID != n.joinID || n.joinID == 0 {
		return
	}
	n.joinID = 0
	if d.Err == nil {
		n.joined = true
		return
	}
	c.at(c.now+int64(joinRetry), evJoin, n.id)
}

// answerDelay is how long an application thinks.
const answerDelay = 2_000_000

// asked lets n's application answer a question, a moment later.
func (c *Cluster) asked(n *node, a *swim.Ask) {
	kind := uint64(0)
	if a.Kind == swim.AskBroadcasts {
		kind = 1
	}
	c.at(c.now+answerDelay, evAnswer, n.id).arg = a.ID<<1 | kind
}

// answer says yes, or now and then has something to broadcast.
func (c *Cluster) answer(n *node, arg uint64) {
	c.counts[Asked]++
	switch {
	case arg&1 == 0:
		n.core.Answer(c.clock(n), arg>>1, nil)
	case draw(c.linkSeed+uint64(n.id)+uint64(c.now), drawAgain)%16 == 0:
		one := [][]byte{[]byte("from " + n.name)}
		n.core.AnswerBroadcasts(c.clock(n), arg>>1, [][][]byte{one, one, one})
	default:
		n.core.AnswerBroadcasts(c.clock(n), arg>>1, nil)
	}
	c.after(n)
}

// checkLeft: a leave that is done is known to somebody (invariant 16), if
// there was somebody, and nothing stood in the way.
func (c *Cluster) checkLeft(n *node) {
	if len(c.active) > 0 || n.holds > 0 || c.calm > n.leftAt || c.hostile {
		return
	}
	there := false
	for _, other := range c.nodes {
		if !other.live() || other.pauses > 0 || other.holds > 0 {
			continue
		}
		m, ok := other.core.Member(n.name)
		if !ok {
			continue // a stranger there, as while its name belongs to another address
		}
		if m.State >= wire.StateDead {
			return
		}
		m, ok = n.core.Member(other.name)
		there = there || ok && m.State == wire.StateAlive && m.Addr == c.addrs[other.addr]
	}
	if there {
		c.violate(n, Graceful, "has left, but nobody knows")
	}
}
