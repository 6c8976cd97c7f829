package sim

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/swim"
)

// Options are what a cluster is built from; with the calls made on it they
// determine the run.
type Options struct {
	Seed  uint64
	Nodes int
	// Config is the configuration of node i. Its name, address and seed are
	// filled in. Nil means swim.LAN for everybody.
	Config func(i int) swim.Config
	Link   Link
	Faults Schedule
	// Stagger is the time from one node's start to the next one's; zero means
	// 10 ms.
	Stagger time.Duration
	// Late is how many of the last nodes are not started: Start does.
	Late int
	// Seeds is how many of the first nodes everybody knows the addresses of,
	// at any time, as a name server would tell them; zero means 3.
	Seeds int
	// Trace gets one line for every thing that happens.
	Trace func(Line)
	// Unchecked switches the invariants off, to measure the engine.
	Unchecked bool
	// Dense checks everything after every step, whatever the size.
	Dense bool
}

// Link is how long a packet travels: Delay and up to Jitter more.
type Link struct {
	Delay, Jitter time.Duration
}

// String writes the link as delay+jitter.
func (l Link) String() string { return fmt.Sprintf("%v+%v", l.Delay, l.Jitter) }

// ParseLink reads what String writes.
func ParseLink(text string) (Link, error) {
	delay, jitter, _ := strings.Cut(text, "+")
	d, err := time.ParseDuration(delay)
	if err != nil {
		return Link{}, fmt.Errorf("link %q: %w", text, err)
	}
	l := Link{Delay: d}
	if jitter != "" {
		if l.Jitter, err = time.ParseDuration(jitter); err != nil {
			return Link{}, fmt.Errorf("link %q: %w", text, err)
		}
	}
	if l.Delay < 0 || l.Jitter < 0 {
		return Link{}, fmt.Errorf("link %q: negative", text)
	}
	return l, nil
}

// ErrOptions is wrapped by what New finds wrong.
var ErrOptions = errors.New("invalid simulation")

// nodesMax is how many nodes the addresses and the tables are laid out for.
const nodesMax = 1 << 15

func (o *Options) complete() error {
	if o.Nodes < 1 || o.Nodes > nodesMax {
		return fmt.Errorf("%w: %d nodes, want 1 to %d", ErrOptions, o.Nodes, nodesMax)
	}
	for _, f := range o.Faults {
		for _, t := range f.Targets {
			if t >= o.Nodes {
				return fmt.Errorf("%w: %v: there are only %d nodes", ErrOptions, f, o.Nodes)
			}
		}
	}
	if o.Config == nil {
		o.Config = func(int) swim.Config { return swim.LAN() }
	}
	if o.Link == (Link{}) {
		o.Link = Link{Delay: 500 * time.Microsecond, Jitter: 500 * time.Microsecond}
	}
	if o.Stagger == 0 {
		o.Stagger = 10 * time.Millisecond
	}
	if o.Seeds == 0 {
		o.Seeds = 3
	}
	o.Seeds = min(o.Seeds, o.Nodes)
	return nil
}
