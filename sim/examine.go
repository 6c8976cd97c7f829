package sim

import (
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// denseMax is up to how many nodes everything is checked after every step.
// Beyond, it is after steps with events and every sparse-th step.
const (
	denseMax = 12
	sparse   = 64
)

// examine checks the core that was just touched.
func (c *Cluster) examine(n *node, events bool) {
	if c.opts.Unchecked {
		return
	}
	st := n.core.Stats()
	if st.HealthScore < 0 || st.HealthScore > n.healthMax {
		c.violate(n, Health, "health score %d is not within [0, %d]", st.HealthScore, n.healthMax)
	}
	n.worst = max(n.worst, st.HealthScore)
	c.issued[n.id] = max(c.issued[n.id], st.Incarnation)
	n.steps++
	if events || c.dense() || n.steps%sparse == 0 {
		c.scan(n)
	}
}

// scan compares the whole view with what was seen before (invariants 2, 3, 4
// and 7) and asks the core about its inside.
func (c *Cluster) scan(n *node) {
	n.gen++
	if c.dense() || n.gen%8 == 0 {
		if err := n.core.Check(); err != nil {
			c.violate(n, Inside, "%v", err)
		}
	}
	live := 0
	for m := range n.core.Members {
		k, ok := c.names[m.Name]
		if !ok {
			k = c.number(m.Name)
		}
		if k == n.id && m.State != wire.StateAlive && !n.leaving {
			c.violate(n, Refutes, "holds itself %s", StateName(m.State))
		}
		s := n.of(k)
		s.gen = n.gen
		present := m.State <= wire.StateSuspect
		if present {
			live++
		}
		if present != s.present || (m.State == wire.StateSuspect) != s.suspected {
			c.violate(n, Fold, "%s is %v, but the events say %s", m.Name, StateName(m.State), s)
		}
		if s.known && s.inc == m.Incarnation && s.state == m.State && s.addr == m.Addr {
			continue
		}
		c.progress(n, k, s, &m)
	}
	if live != n.present {
		c.violate(n, Fold, "%d members are present, but the events say %d", live, n.present)
	}
	for k := range n.members {
		if s := &n.members[k]; s.gen != n.gen {
			if s.present {
				c.violate(n, Fold, "member %d vanished without a leave event", k)
			}
			s.known = false
		}
	}
}

func (s *seen) String() string {
	switch {
	case !s.present:
		return "absent"
	case s.suspected:
		return "suspect"
	default:
		return "alive"
	}
}

// progress checks that what a node holds of member k only ever advances.
func (c *Cluster) progress(n *node, k int, s *seen, m *swim.Member) {
	if !c.hostile && k < len(c.nodes) && m.Incarnation > c.issued[k] {
		c.violate(n, Issued, "holds %s at incarnation %d, which it never reached: %d", m.Name, m.Incarnation, c.issued[k])
	}
	if s.known && !c.forgotten(n, s) {
		c.advances(n, s, m)
	}
	if !s.known || s.state != m.State {
		s.since = c.localNow(n)
	}
	s.known, s.inc, s.state, s.addr, s.gen = true, m.Incarnation, m.State, m.Addr, n.gen
}

// dense tells whether everything is looked at after every step.
func (c *Cluster) dense() bool { return c.opts.Dense || len(c.nodes) <= denseMax }

// forgotten tells whether a dead member may have been forgotten, and learned
// of anew, since the last look at the whole view.
func (c *Cluster) forgotten(n *node, s *seen) bool {
	return !c.dense() && s.state >= wire.StateDead && time.Duration(c.localNow(n)-s.since) >= n.cfg.GossipToTheDead
}

func (c *Cluster) advances(n *node, s *seen, m *swim.Member) {
	moved := m.Addr != s.addr
	if moved {
		aged := n.cfg.DeadNodeReclaim > 0 && s.state == wire.StateDead && time.Duration(c.localNow(n)-s.since) >= n.cfg.DeadNodeReclaim
		if s.state == wire.StateLeft || aged {
			return // another may take the name, at any incarnation
		}
		c.violate(n, Resurrection, "%s was %s at %v, and is %s at %v without a reclaim", m.Name, StateName(s.state), s.addr, StateName(m.State), m.Addr)
		return
	}
	if m.Incarnation > s.inc || m.Incarnation == s.inc && rank(m.State) >= rank(s.state) {
		if m.Incarnation == s.inc && s.state == wire.StateLeft && m.State == wire.StateDead {
			c.violate(n, Graceful, "%s left at incarnation %d and then died", m.Name, s.inc)
		}
		return
	}
	inv := Monotone
	if s.state >= wire.StateDead && m.State <= wire.StateSuspect {
		inv = Resurrection
	}
	c.violate(n, inv, "%s went from %s@%d to %s@%d", m.Name, StateName(s.state), s.inc, StateName(m.State), m.Incarnation)
}

// StateName is a state in a word.
func StateName(s wire.State) string {
	switch s {
	case wire.StateAlive:
		return "alive"
	case wire.StateSuspect:
		return "suspect"
	case wire.StateDead:
		return "dead"
	case wire.StateLeft:
		return "left"
	default:
		return "in no state"
	}
}

// retire takes the counters of a core that is about to be gone.
func (c *Cluster) retire(n *node) {
	c.counts.addStats(n.core.Stats())
	if n.worst > 0 {
		c.counts[Degraded]++
	}
}

func (c *Counts) addStats(st swim.Stats) {
	c[Confirmations] += st.Confirmations
	c[Refutations] += st.Refutations
	c[Reconnects] += st.Reconnects
	c[Stalls] += st.Stalls
	c[Syncs] += st.Syncs
	c[SyncsEqual] += st.SyncsEqual
	c[SyncsFull] += st.SyncsFull
}
