package sim

import (
	"fmt"
	"slices"
	"time"
)

// leaveMax is how long a process waits for its leave to be known.
const leaveMax = 5 * time.Second

// targets are the nodes a fault is about.
func (c *Cluster) targets(f *Fault) []*node {
	if len(f.Targets) == 0 {
		return c.nodes
	}
	nodes := make([]*node, len(f.Targets))
	for i, t := range f.Targets {
		nodes[i] = c.nodes[t]
	}
	return nodes
}

func (c *Cluster) beginFault(i int) {
	f := &c.opts.Faults[i]
	c.hash.word(uint64(c.now))
	c.hash.word(uint64(i)<<8 | uint64(f.Kind))
	c.note("fault: %v", f)
	switch f.Kind {
	case Crash, Leave, Pause, Hold, Jump, Meta, Say:
		for _, n := range c.targets(f) {
			c.befall(n, f)
		}
		if f.Kind == Crash && f.Param&CrashSwap != 0 {
			c.swap(c.targets(f))
		}
	default:
		c.active = append(c.active, i)
		c.recondition()
	}
}

func (c *Cluster) endFault(i int) {
	f := &c.opts.Faults[i]
	c.note("over: %v", f)
	switch f.Kind {
	case Crash, Leave:
		for _, n := range c.targets(f) {
			c.stop(n, "is stopped")
			c.check(c.Start(n.id))
		}
	case Pause:
		c.calm = c.now
		for _, n := range c.targets(f) {
			if n.pauses--; n.pauses == 0 {
				c.resume(n)
			}
		}
	case Hold:
		c.calm = c.now
		for _, n := range c.targets(f) {
			if n.holds--; n.holds == 0 {
				c.resume(n)
			}
		}
	case Jump, Meta, Say:
	default:
		if j := slices.Index(c.active, i); j >= 0 {
			c.active = slices.Delete(c.active, j, j+1)
			c.calm = c.now
		}
		c.recondition()
		if f.Kind == Part {
			c.counts[Healed]++
		}
	}
}

// befall does to one node what is not the network's doing.
func (c *Cluster) befall(n *node, f *Fault) {
	switch f.Kind {
	case Pause:
		n.pauses++
		return
	case Hold:
		n.holds++
		return
	case Crash:
		c.stop(n, "crashes")
		n.silent = f.Param&CrashSilent != 0
		if f.Param&CrashMove != 0 {
			c.move(n)
		}
		return
	case Jump:
		n.offset += int64(f.Param) * int64(time.Millisecond)
		if n.core != nil && n.pauses == 0 {
			n.wake = noWake
			c.retick(n)
		}
		return
	}
	if n.core == nil || n.leaving || n.pauses > 0 {
		return
	}
	switch f.Kind {
	case Leave:
		n.leaving, n.left, n.leftAt, n.stopping = true, true, c.now, false
		n.core.Leave(c.clock(n))
		c.at(c.now+int64(leaveMax), evStop, n.id)
	case Meta:
		n.metas++
		c.check(n.core.SetMeta(c.clock(n), fmt.Appendf(nil, "%s %d", n.name, n.metas)))
	case Say:
		n.said++
		c.check(n.core.Broadcast(c.clock(n), fmt.Appendf(nil, "%s says %d", n.name, n.said)))
	}
	c.after(n)
}

// resume gives a node what waited for it: packets and streams in their order,
// and in the middle of them a tick, as a real loop picks what is ready.
func (c *Cluster) resume(n *node) {
	if n.pauses > 0 {
		return // still stopped
	}
	at := c.now
	kept := n.backlog[:0]
	for _, id := range n.backlog {
		e := &c.slots[id]
		if n.holds > 0 && (e.kind == evPacket || e.kind == evServe || e.kind == evReply) {
			kept = append(kept, id)
			continue
		}
		if e.kind == evPacket {
			n.packets--
		}
		at += 20_000
		c.push(at, id)
	}
	n.backlog = kept
	if n.holds == 0 {
		for _, id := range n.outbox {
			c.push(c.now, id)
		}
		n.outbox = n.outbox[:0]
	}
	if n.core == nil || n.wake != noWake {
		return
	}
	d, ok := n.core.Deadline()
	if !ok {
		return
	}
	late := c.now + below(mix(c.linkSeed^uint64(c.now)+uint64(n.id)), at-c.now+1)
	n.wake = max(late, int64(d.Sub(epoch))-n.offset)
	c.at(n.wake, evTick, n.id)
}

// recondition works out every link's condition from the faults in force.
func (c *Cluster) recondition() {
	clear(c.conds)
	in := make([]bool, len(c.nodes))
	for _, i := range c.active {
		f := &c.opts.Faults[i]
		clear(in)
		for _, n := range c.targets(f) {
			in[n.id] = true
		}
		for a := range c.nodes {
			for b := range c.nodes {
				if a != b && f.concerns(a, b, in) {
					cond, _ := c.link(a, b)
					cond.add(f)
				}
			}
		}
	}
}

// concerns tells whether a fault of the network is about the way from a to b.
func (f *Fault) concerns(a, b int, in []bool) bool {
	switch {
	case f.Kind.directed():
		return a == f.Targets[0] && b == f.Targets[1]
	case f.Kind == Part:
		return in[a] != in[b]
	default:
		return in[a] || in[b]
	}
}

func (d *condition) add(f *Fault) {
	d.any = true
	percent := uint8(f.Param)
	switch f.Kind {
	case Part, Cut:
		d.cut = true
	case NoRoute:
		d.noRoute = true
	case NoUDP:
		d.noUDP = true
	case Refuse:
		d.refuse = true
	case Blackhole:
		d.blackhole = true
	case Loss:
		d.loss = max(d.loss, percent)
	case Burst:
		d.burst = max(d.burst, percent)
	case Dup:
		d.dup = max(d.dup, percent)
	case Reorder:
		d.reorder = max(d.reorder, percent)
	case Corrupt:
		d.corrupt = max(d.corrupt, percent)
	case Flip:
		d.flip = max(d.flip, percent)
	case Delay:
		d.delay += time.Duration(f.Param) * time.Millisecond
	case MTU:
		if d.mtu == 0 || f.Param < int(d.mtu) {
			d.mtu = uint16(f.Param)
		}
	}
}
