package sim

import (
	"errors"
	"fmt"
	"time"
)

// Invariant numbers what must hold. The numbers are those of the project's
// list of invariants; 21 is the promise that a user broadcast is delivered
// once.
type Invariant int

// The invariants that the simulator checks. The others are the core's own, see
// swim.Core.Check, which Inside stands for.
const (
	Inside       Invariant = 0  // swim.Core.Check
	Completeness Invariant = 1  // every live node drops a crashed one
	Issued       Invariant = 2  // no node holds a higher incarnation than its owner ever issued
	Monotone     Invariant = 3  // per view, (incarnation, rank of the state) never goes back
	Resurrection Invariant = 4  // nor does a dead one live again without a higher incarnation
	Refutes      Invariant = 5  // a live, reachable member refutes every accusation
	Verdict      Invariant = 6  // no verdict before the shortest time of suspicion
	Fold         Invariant = 7  // a member's events are well-formed, and add up to the snapshot
	Convergence  Invariant = 8  // all live views are equal when the faults are over
	Sized        Invariant = 10 // a packet keeps its limit and decodes
	Health       Invariant = 12 // the health score is within bounds
	Graceful     Invariant = 16 // a leave is not reported as a failure
	Sturdy       Invariant = 18 // no packet makes a core panic
	Storm        Invariant = 19 // no message storm, no busy loop
	Once         Invariant = 21 // a user broadcast is delivered at most once
)

// Violation is an invariant that did not hold.
type Violation struct {
	Seed      uint64
	At        time.Duration
	Invariant Invariant
	Node      string
	Text      string
}

func (v *Violation) Error() string {
	return fmt.Sprintf("seed %d: invariant %d violated at %v, node %s: %s", v.Seed, v.Invariant, v.At, v.Node, v.Text)
}

// violate records the first violation; the run ends there.
func (c *Cluster) violate(n *node, inv Invariant, format string, args ...any) {
	if c.failure != nil || c.opts.Unchecked {
		return
	}
	v := &Violation{Seed: c.opts.Seed, At: c.Now(), Invariant: inv, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		v.Node = n.name
	}
	c.failure = v
	c.note("%v", v)
}

// check ends the run on an error that is nobody's violation: a scenario that
// cannot be run.
func (c *Cluster) check(err error) {
	if err != nil && c.failure == nil {
		c.failure = fmt.Errorf("seed %d at %v: %w", c.opts.Seed, c.Now(), err)
	}
}

// ErrDown is returned for what needs a running process. Nothing was done.
var ErrDown = errors.New("no process runs there")
