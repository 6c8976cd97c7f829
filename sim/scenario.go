package sim

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/script"
)

// Scenario is a whole run as data: what is built, what goes wrong, and that it
// must have healed in the end.
type Scenario struct {
	Seed   uint64
	Nodes  int
	Tuning Tuning
	Link   Link
	Faults Schedule
}

// Result is what a run came to.
type Result struct {
	Err     error // the violation, nil when all held
	Hash    uint64
	Counts  Counts
	Virtual time.Duration
	Quiet   time.Duration // how long after the last fault all was well again
}

// Violated returns the invariant that did not hold.
func (r *Result) Violated() (*Violation, bool) {
	var v *Violation
	ok := errors.As(r.Err, &v)
	return v, ok
}

// Run runs the scenario. The options given may set Trace, Dense and Unchecked;
// the rest is the scenario's.
func (s *Scenario) Run(o Options) Result {
	configs, err := s.Tuning.Configs()
	if err != nil {
		return Result{Err: err}
	}
	o.Seed, o.Nodes, o.Link, o.Faults = s.Seed, s.Nodes, s.Link, s.Faults
	o.Config = configs
	c, err := New(o)
	if err != nil {
		return Result{Err: err}
	}
	var r Result
	r.Quiet, r.Err = c.runWhole(max(s.Faults.End(), formed))
	r.Hash, r.Counts, r.Virtual = c.Hash(), c.Counts(), c.Now()
	return r
}

// runWhole runs to the end of the faults and through the quiet period. A panic
// is a violation like any other: it too has a seed, and can be shrunk.
func (c *Cluster) runWhole(end time.Duration) (quiet time.Duration, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.violate(nil, Sturdy, "panic: %v\n%s", p, debug.Stack())
			err = c.failure
		}
	}()
	if err := c.Run(end); err != nil {
		return 0, err
	}
	return c.Quiet()
}

// formed is when a run without faults begins to be judged.
const formed = time.Second

// String writes the scenario as a script's command, which Parse reads:
//
//	run seed=7 nodes=5 tuning=(lan, k=1) link=1ms+1ms
//	12.5s crash b for 8s move
func (s *Scenario) String() string {
	return fmt.Sprintf("run seed=%d nodes=%d tuning=(%v) link=%v\n%v", s.Seed, s.Nodes, s.Tuning, s.Link, s.Faults)
}

// ErrScenario is wrapped by what ParseScenario finds wrong.
var ErrScenario = errors.New("invalid scenario")

// ParseScenario reads a command that String wrote.
func ParseScenario(c *script.Command) (*Scenario, error) {
	fail := func(err error) (*Scenario, error) { return nil, fmt.Errorf("%w: %w", ErrScenario, err) }
	if c.Name != "run" {
		return fail(fmt.Errorf("command %q, want run", c.Name))
	}
	seed, err := strconv.ParseUint(c.Str("seed", "0"), 10, 64)
	if err != nil {
		return fail(err)
	}
	nodes, err := c.Int("nodes", 3)
	if err != nil {
		return fail(err)
	}
	link, err := ParseLink(c.Str("link", "500µs+500µs"))
	if err != nil {
		return fail(err)
	}
	tuning := Tuning(c.Vals("tuning"))
	if _, err := tuning.Config(); err != nil {
		return fail(err)
	}
	faults, err := ParseSchedule(c.Input)
	if err != nil {
		return fail(err)
	}
	return &Scenario{Seed: seed, Nodes: nodes, Tuning: tuning, Link: link, Faults: faults}, nil
}

// File writes the scenario as a script file whose expectation is that all is
// well: a regression test for the fault it shows.
func (s *Scenario) File(comment string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(comment), "\n") {
		fmt.Fprintf(&b, "# %s\n", line)
	}
	fmt.Fprintf(&b, "%v----\nok\n", s)
	return b.String()
}

// Verdict is the output of a script's run command.
func (r *Result) Verdict() string {
	if v, ok := r.Violated(); ok {
		return fmt.Sprintf("invariant %d violated at %v, node %s: %s", v.Invariant, v.At, v.Node, v.Text)
	}
	if r.Err != nil {
		return r.Err.Error()
	}
	return "ok"
}
