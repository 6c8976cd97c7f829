package sim

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
)

// Do lets a fault befall the cluster now; its At is ignored.
func (c *Cluster) Do(f Fault) {
	f.At = c.Now()
	i := len(c.opts.Faults)
	c.opts.Faults = append(c.opts.Faults, f)
	c.hostile = c.hostile || f.Kind == Flip
	if f.For > 0 {
		c.at(int64(f.End()), evFaultEnd, -1).arg = uint64(i)
	}
	c.beginFault(i)
}

// Heal ends the faults of the network that are in force for good.
func (c *Cluster) Heal() {
	for i := len(c.active) - 1; i >= 0; i-- {
		if at := c.active[i]; c.opts.Faults[at].For == 0 {
			c.endFault(at)
		}
	}
}

// Inject makes a packet arrive at node i that no node has sent. It may lie, so
// from then on nothing is checked that depends on honest news.
func (c *Cluster) Inject(i int, from netip.AddrPort, data []byte) {
	c.hostile = true
	n := c.nodes[i]
	if n.core == nil {
		return
	}
	c.hash.bytes(data)
	_ = n.core.Step(c.clock(n), from, data) // counted by the core
	c.after(n)
}

// Nodes is how many nodes there are, running or not.
func (c *Cluster) Nodes() int { return len(c.nodes) }

// Live tells whether node i runs and has not begun to leave.
func (c *Cluster) Live(i int) bool { return c.nodes[i].live() }

// Stats are the counters of node i's core, zero while none runs.
func (c *Cluster) Stats(i int) swim.Stats {
	if core := c.nodes[i].core; core != nil {
		return core.Stats()
	}
	return swim.Stats{}
}

// Broadcast lets node i broadcast a message.
func (c *Cluster) Broadcast(i int, payload []byte) error {
	n := c.nodes[i]
	if n.core == nil {
		return ErrDown
	}
	err := n.core.Broadcast(c.clock(n), payload)
	c.after(n)
	return err
}

// RunFor runs for a stretch of virtual time.
func (c *Cluster) RunFor(d time.Duration) error { return c.Run(c.Now() + d) }
