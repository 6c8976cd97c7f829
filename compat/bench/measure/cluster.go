package measure

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// cluster is N nodes of one system in this process, watched from outside.
type cluster struct {
	sys     system.System
	spread  bool          // user broadcasts are measured
	nodes   []system.Node // nil before it was started and once it was killed
	names   []string
	traffic system.Traffic
	others  []atomic.Int32 // per node: members it has been told of, less those gone
	warned  atomic.Uint64
	gone    atomic.Uint64
	deaths  atomic.Pointer[deaths]
	rumor   atomic.Pointer[rumor]
}

// newCluster has room for n nodes, none of them started.
func newCluster(sys system.System, n int, spread bool) *cluster {
	c := &cluster{
		sys: sys, spread: spread,
		nodes: make([]system.Node, n), names: make([]string, n), others: make([]atomic.Int32, n),
	}
	for i := range c.names {
		c.names[i] = fmt.Sprintf("node-%04d", i)
	}
	return c
}

// start starts node i, which does not know any other yet.
func (c *cluster) start(i int) error {
	node, err := c.sys.Start(system.Options{
		Name: c.names[i], Compression: true, Traffic: &c.traffic, Spread: c.spread, Observer: c.observer(i),
	})
	if err != nil {
		return err
	}
	c.nodes[i] = node
	return nil
}

func (c *cluster) observer(i int) system.Observer {
	o := system.Observer{
		Joined: func(string) { c.others[i].Add(1) },
		Gone: func(name string) {
			c.others[i].Add(-1)
			c.gone.Add(1)
			if d := c.about(i, name); d != nil {
				d.declared(i)
			}
		},
		Suspected: func(name string) {
			if d := c.about(i, name); d != nil {
				d.suspected()
			}
		},
		Warned: func() { c.warned.Add(1) },
	}
	if c.spread {
		o.Message = func(payload []byte) {
			if r := c.rumor.Load(); r != nil {
				r.received(i, payload)
			}
		}
	}
	return o
}

// agreed reports whether every live node has been told of every other.
func (c *cluster) agreed() bool {
	n := c.live()
	for i := range c.nodes {
		if c.nodes[i] != nil && int(c.others[i].Load()) != n-1 {
			return false
		}
	}
	return true
}

func (c *cluster) live() int {
	n := 0
	for _, node := range c.nodes {
		if node != nil {
			n++
		}
	}
	return n
}

// verify checks what agreed was told against the nodes' own lists of members.
func (c *cluster) verify() error {
	want := c.names
	for i, node := range c.nodes {
		got := node.Members()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s lists %d members, not the %d there are", c.names[i], len(got), len(want))
		}
	}
	return nil
}

// stop kills every node, at once: in turn, the survivors would spend the time
// suspecting the dead.
func (c *cluster) stop() error {
	errs := make([]error, len(c.nodes))
	var wg sync.WaitGroup
	for i, node := range c.nodes {
		if node != nil {
			wg.Go(func() { errs[i] = node.Kill() })
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// until polls a condition every step, and reports whether it came true in time.
func until(limit, step time.Duration, done func() bool) bool {
	deadline := time.Now().Add(limit)
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(step)
	}
	return true
}
