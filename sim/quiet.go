package sim

import (
	"bytes"
	"fmt"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// settle is how many probe intervals a cluster must stay well.
const settle = 4

// Quiet runs the cluster, with no faults left, until all live views agree,
// stay so for a while, and nobody's health is impaired (invariants 1, 5 and
// 8). It tells how long the agreement took.
func (c *Cluster) Quiet() (time.Duration, error) {
	begin, cfg := c.Now(), c.nodes[0].cfg
	pace := max(cfg.ProbeInterval, time.Second)
	limit := begin + c.patience(cfg)
	if c.hostile {
		// Forged news may never be outbid by the honest kind; that the run goes
		// through is all that can be asked for.
		return 0, c.RunFor(20 * pace)
	}
	agreed, well := time.Duration(-1), 0
	for c.failure == nil && well < settle {
		if err := c.Run(c.Now() + pace); err != nil {
			return 0, err
		}
		n, inv, text := c.unwell()
		if text == "" {
			if well++; agreed < 0 {
				agreed = c.Now() - begin
			}
			continue
		}
		agreed, well = -1, 0
		if c.Now() > limit {
			c.violate(n, inv, "%v after the last fault: %s", c.Now()-begin, text)
		}
	}
	if agreed > (limit-begin)/2 {
		c.counts[LateConvergence]++
	}
	return agreed, c.failure
}

// patience is how long the slowest way to agreement may take: a member that is
// found dead at the end of a probe round, suspected for the longest time while
// health is impaired, and forgotten so that its name can be taken from another
// address; a lost part of the cluster that is tried among many dead members;
// news that only a push/pull brings.
func (c *Cluster) patience(cfg swim.Config) time.Duration {
	n := time.Duration(len(c.nodes))
	probe := max(cfg.ProbeInterval, time.Millisecond)
	_, longest := swim.SuspicionBounds(cfg.SuspicionMult, cfg.SuspicionMaxTimeoutMult, len(c.nodes), probe)
	d := 2*(2*n+time.Duration(cfg.AwarenessMax*cfg.AwarenessMax))*probe + 3*longest + 3*max(cfg.GossipToTheDead, cfg.DeadNodeReclaim)
	return d + 20*cfg.ReconnectInterval*max(1, n/4) + 4*cfg.PushPullInterval*(1+n/32) + 4*cfg.StreamTimeout
}

// Agree tells whether all live views agree.
func (c *Cluster) Agree() bool {
	_, _, text := c.disagreement()
	return text == ""
}

// unwell returns the first thing that is not as it should be in the end.
func (c *Cluster) unwell() (*node, Invariant, string) {
	if n, inv, text := c.disagreement(); text != "" {
		return n, inv, text
	}
	for _, n := range c.nodes {
		if n.core == nil || n.leaving {
			continue
		}
		st := n.core.Stats()
		if st.HealthScore > 0 && len(c.nodes) > 1 {
			return n, Health, fmt.Sprintf("health score is still %d", st.HealthScore)
		}
		if st.QueueLength > 0 {
			return n, Storm, fmt.Sprintf("%d broadcasts are still being sent", st.QueueLength)
		}
	}
	return nil, 0, ""
}

// live tells whether a node counts as a member of the cluster.
func (n *node) live() bool { return n.core != nil && !n.leaving }

// disagreement returns the first difference between a live view and the truth.
func (c *Cluster) disagreement() (*node, Invariant, string) {
	want := 0
	for _, n := range c.nodes {
		if n.live() {
			want++
		}
	}
	for _, n := range c.nodes {
		if n.live() && n.core.NumLive() != want {
			return c.difference(n)
		}
	}
	for _, n := range c.nodes {
		if !n.live() {
			continue
		}
		if at, inv, text := c.difference(n); text != "" {
			return at, inv, text
		}
	}
	return nil, 0, ""
}

// difference compares one view with the truth.
func (c *Cluster) difference(n *node) (*node, Invariant, string) {
	for _, other := range c.nodes {
		m, known := n.core.Member(other.name)
		present := known && m.State <= wire.StateSuspect
		if !other.live() {
			if present {
				return n, Completeness, fmt.Sprintf("%s is still %s, but runs no more", other.name, StateName(m.State))
			}
			continue
		}
		truth := other.core.Local()
		switch {
		case !known:
			return n, Convergence, other.name + " is not known"
		case m.State != wire.StateAlive && m.Incarnation >= truth.Incarnation:
			return n, Refutes, fmt.Sprintf("%s is %s@%d and does not refute, being at %d", other.name, StateName(m.State), m.Incarnation, truth.Incarnation)
		case m.State != wire.StateAlive || m.Incarnation != truth.Incarnation:
			return n, Convergence, fmt.Sprintf("%s is %s@%d, but is alive@%d", other.name, StateName(m.State), m.Incarnation, truth.Incarnation)
		case m.Addr != truth.Addr || !bytes.Equal(m.Meta, truth.Meta):
			return n, Convergence, fmt.Sprintf("%s is %v %q, but is %v %q", other.name, m.Addr, m.Meta, truth.Addr, truth.Meta)
		}
	}
	return nil, 0, ""
}
