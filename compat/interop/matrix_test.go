package interop

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// scenario is one story, told to each of its settings by a cluster of its
// own.
type scenario struct {
	name     string
	trouble  trouble
	kinds    []kind // of the nodes, in order; default fiveNodes
	settings []setting
	play     func(*cluster)
}

// The usual casts. A scenario that takes one node of each kind away leaves as
// many behind.
var (
	fiveNodes  = []kind{muster, memberlist07, muster, memberlist05, memberlist07}
	sevenNodes = []kind{muster, memberlist07, memberlist05, muster, memberlist07, memberlist05, muster}
	pair07     = []kind{muster, memberlist07}
	pair05     = []kind{muster, memberlist05}
	crowd      = slices.Repeat(fiveNodes, 4)
)

// controlTries is how often a control is run again before a complaint that
// only a mixed cluster drew is believed: some of memberlist's lines depend on
// timing.
const controlTries = 3

func TestMatrix(t *testing.T) {
	told := scenarios
	if testing.Short() {
		told = smoke
	}
	t.Run("runs", func(t *testing.T) {
		for _, s := range told {
			for i, set := range s.settings {
				if !*controlOnly {
					t.Run(s.name+":"+set.name, func(t *testing.T) {
						t.Parallel()
						s.run(t, set, false)
					})
				}
				// One control for the plainest setting, one for the fullest.
				if *controlOnly || i == 0 || i == len(s.settings)-1 {
					t.Run(s.name+":"+set.name+":control", func(t *testing.T) {
						t.Parallel()
						s.run(t, set, true)
					})
				}
			}
		}
	})
	t.Run("complaints", func(t *testing.T) {
		t.Logf("memberlist by itself printed:\n%s", logged.normalShapes())
		for try := 0; try < controlTries && len(logged.abnormal()) > 0; try++ {
			for _, c := range logged.abnormal() {
				t.Logf("running the controls under %q again because of %s", c.trouble, c.shape)
			}
			rerunControls(t, told)
		}
		for _, c := range logged.abnormal() {
			t.Errorf("under %q memberlist printed what no all-memberlist cluster did:\n\tshape   %s\n\texample %s\n\trun     %s",
				c.trouble, c.shape, c.example, c.run)
		}
	})
}

// run plays the scenario once and notes the outcome.
func (s scenario) run(t *testing.T, set setting, control bool) {
	kinds := s.kinds
	if kinds == nil {
		kinds = fiveNodes
	}
	c := newCluster(t, set, control, kinds...)
	start := time.Now()
	// Registered after the cluster's own cleanup and so run before it: the
	// logs it reads must not have the end of the test in them.
	t.Cleanup(func() {
		results.add(result{s.name, composition(c), set.name, !t.Failed(), time.Since(start)})
		if !t.Failed() {
			logged.collect(fmt.Sprintf("%s:%s", s.name, set.name), s.trouble, c)
		}
	})
	s.play(c)
}

// rerunControls gives memberlist another chance to print by itself what it
// printed in a mixed cluster.
func rerunControls(t *testing.T, told []scenario) {
	wanted := map[trouble]bool{}
	for _, c := range logged.abnormal() {
		wanted[c.trouble] = true
	}
	t.Run("control", func(t *testing.T) {
		for _, s := range told {
			if !wanted[s.trouble] {
				continue
			}
			set := s.settings[0]
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.run(t, set, true)
			})
		}
	})
}
