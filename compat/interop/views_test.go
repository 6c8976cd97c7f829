package interop

import (
	"fmt"
	"time"
)

// agree waits until every running node's view of every node is right.
func (c *cluster) agree(deadline time.Duration) {
	c.t.Helper()
	c.eventually(deadline, "all nodes agree", c.agreed)
}

// agreed is nil when all pairs of views are right and the muster nodes, which
// tell incarnations, also tell the same ones.
func (c *cluster) agreed() error {
	views, err := c.views()
	if err != nil {
		return err
	}
	incarnations := map[string]row{}
	for _, viewer := range c.up() {
		view := views[viewer]
		if err := c.judge(viewer, view); err != nil {
			return err
		}
		if viewer.kind != muster {
			continue
		}
		for _, n := range c.up() {
			first, known := incarnations[n.name]
			if !known {
				incarnations[n.name] = view[n.name]
			} else if first.Incarnation != view[n.name].Incarnation {
				return fmt.Errorf("%s sees %s at incarnation %d, another muster node at %d",
					viewer.name, n.name, view[n.name].Incarnation, first.Incarnation)
			}
		}
	}
	return nil
}

// views asks every running node.
func (c *cluster) views() (map[*node]map[string]row, error) {
	views := map[*node]map[string]row{}
	for _, viewer := range c.up() {
		view, err := viewer.checked()
		if err != nil {
			return nil, err
		}
		for name, r := range view {
			viewer.seen[name] = r.State
		}
		views[viewer] = view
	}
	return views, nil
}

// checked is the node's view, or why there is none.
func (n *node) checked() (map[string]row, error) {
	if err := n.running(); err != nil {
		return nil, fmt.Errorf("%s: %w", n.name, err)
	}
	view, err := n.view()
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", n.name, err)
	}
	return view, nil
}

// judge compares one node's view with the truth.
func (c *cluster) judge(viewer *node, view map[string]row) error {
	known := map[string]bool{}
	for _, n := range c.nodes {
		if n.process == nil {
			continue // not started yet
		}
		known[n.name] = true
		if err := viewer.judgeOne(n, view); err != nil {
			return err
		}
	}
	for name, r := range view {
		if !known[name] {
			return fmt.Errorf("%s sees a stranger: %+v", viewer.name, r)
		}
	}
	return nil
}

func (n *node) judgeOne(other *node, view map[string]row) error {
	r, listed := view[other.name]
	switch {
	case !listed && other.state != alive && n.joined > other.gone:
		return nil // it left before this viewer came
	case !listed && other.state != alive && n.seen[other.name] == n.sees(other) && time.Since(other.since) > forgetTime:
		return nil // it was right about that one and has forgotten it since
	case !listed:
		return fmt.Errorf("%s does not know %s, which is %s", n.name, other.name, other.state)
	case r.State != n.sees(other):
		return fmt.Errorf("%s sees %s %s, not %s", n.name, other.name, r.State, n.sees(other))
	case other.state != alive:
		return nil
	case r.Addr != other.addr:
		return fmt.Errorf("%s sees %s at %s, not at %s", n.name, other.name, r.Addr, other.addr)
	case r.Meta != other.meta:
		return fmt.Errorf("%s sees %s's meta %.20q, not %.20q", n.name, other.name, r.Meta, other.meta)
	}
	return nil
}

// sees says which state this node should show for the other. Memberlist's
// events do not tell a leave from a death.
func (n *node) sees(other *node) string {
	if other.state == left && n.kind != muster {
		return dead
	}
	return other.state
}

// sideSees waits until every viewer sees each of the others in a state.
func (c *cluster) sideSees(deadline time.Duration, state string, viewers, others []*node) {
	c.t.Helper()
	c.eventually(deadline, fmt.Sprintf("%s see %s %s", names(viewers), names(others), state), func() error {
		for _, viewer := range viewers {
			view, err := viewer.checked()
			if err != nil {
				return err
			}
			for _, n := range others {
				// Who is dead for long enough is no longer listed.
				if r, listed := view[n.name]; r.State != state && (listed || state != dead) {
					return fmt.Errorf("%s sees %s %q", viewer.name, n.name, r.State)
				}
			}
		}
		return nil
	})
}

func names(nodes []*node) []string {
	var out []string
	for _, n := range nodes {
		out = append(out, n.name)
	}
	return out
}

// namesakeTime is how long an impostor is left to try, some probe rounds.
const namesakeTime = 5 * time.Second

// addresses is nil while every other running node has this one alive, and at
// its own address.
func (c *cluster) addresses(of *node) error {
	for _, viewer := range c.up() {
		view, err := viewer.checked()
		if err != nil {
			return err
		}
		if r := view[of.name]; r.Addr != of.addr || r.State == dead || r.State == left {
			return fmt.Errorf("%s sees %s %s at %s, not at %s", viewer.name, of.name, r.State, r.Addr, of.addr)
		}
	}
	return nil
}
