package interop

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// cluster is one run's processes, and what each of them should come to see.
type cluster struct {
	t       *testing.T
	dir     string
	setting setting
	control bool       // memberlist nodes only
	nodes   []*node    // in order of their first start
	said    int        // broadcasts so far
	guests  []*cluster // strangers and impostors that came by
}

// node is a member by name; its process changes when it restarts.
type node struct {
	*process
	name   string
	kind   kind
	meta   string
	state  string            // what the others should see: alive, left or dead
	seen   map[string]string // the state in which it last listed each other
	joined int               // its turn of starting; earlier departures it may not know
	frozen bool
	gone   int       // its turn of leaving or dying
	since  time.Time // when it did
}

// The states of the API that the scenarios wait for. A node not yet started
// has none.
const (
	alive = "alive"
	left  = "left"
	dead  = "dead"
)

// newCluster names one node for each kind: m1, m2 run muster, s1 memberlist
// 0.7.0, o1 memberlist 0.5.4. A control keeps the names, so that scenarios
// need not know, and gives the muster nodes' parts to both memberlists in turn.
func newCluster(t *testing.T, set setting, control bool, kinds ...kind) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), setting: set, control: control}
	counts := map[kind]int{}
	for _, k := range kinds {
		counts[k]++
		name := fmt.Sprintf("%c%d", "mso"[k], counts[k])
		if control && k == muster {
			k = []kind{memberlist07, memberlist05}[counts[muster]%2]
		}
		c.nodes = append(c.nodes, &node{name: name, kind: k})
	}
	t.Cleanup(c.cleanup)
	return c
}

// guest makes a cluster of one node that does not belong to this one.
func (c *cluster) guest(name string, k kind, set setting) (*cluster, *node) {
	g := newCluster(c.t, set, c.control, k)
	g.nodes[0].name = name
	c.guests = append(c.guests, g)
	return g, g.nodes[0]
}

// node finds a node by name.
func (c *cluster) node(name string) *node {
	c.t.Helper()
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	c.t.Fatalf("no node %q in this scenario", name)
	return nil
}

// named finds several; without names, it returns all.
func (c *cluster) named(names ...string) []*node {
	if len(names) == 0 {
		return c.nodes
	}
	found := make([]*node, 0, len(names))
	for _, name := range names {
		found = append(found, c.node(name))
	}
	return found
}

// start runs a node under the cluster's setting, joining the given members.
// Extra arguments come last and so win.
func (c *cluster) start(n *node, seeds []*node, extra ...string) {
	c.t.Helper()
	bind, err := freePort(c.setting.host())
	if err != nil {
		c.t.Fatal(err)
	}
	args := append(c.setting.args(slices.Index(c.nodes, n)), "--bind", bind, "--name", n.name, "--debug-faults")
	if n.meta != "" {
		args = append(args, "--meta", n.meta)
	}
	for _, s := range seeds {
		args = append(args, "--join", s.addr)
	}
	p, err := startProcess(n.kind, filepath.Join(c.dir, n.name+".log"), append(args, extra...)...)
	if err != nil {
		c.t.Fatalf("start %s: %v", n.name, err)
	}
	n.process, n.state, n.frozen, n.joined = p, alive, false, c.turn()
	n.seen = map[string]string{}
}

// startAll starts every node in order; each joins the first one.
func (c *cluster) startAll(extra ...string) {
	c.t.Helper()
	for i, n := range c.nodes {
		n.meta = "meta of " + n.name
		var seeds []*node
		if i > 0 {
			seeds = c.nodes[:1]
		}
		c.start(n, seeds, extra...)
	}
}

// depart records that the others should see the node go.
func (c *cluster) depart(n *node, how string) {
	n.state, n.gone, n.since = how, c.turn(), time.Now()
}

// turn counts the starts and departures, to know who could have seen what.
func (c *cluster) turn() int {
	latest := 0
	for _, n := range c.nodes {
		latest = max(latest, n.joined, n.gone)
	}
	return latest + 1
}

// up are the nodes whose process should be answering.
func (c *cluster) up() []*node {
	var up []*node
	for _, n := range c.nodes {
		if n.state == alive && !n.frozen {
			up = append(up, n)
		}
	}
	return up
}

// eventually polls until check passes; after the deadline it fails the test
// with the last reason.
func (c *cluster) eventually(deadline time.Duration, what string, check func() error) {
	c.t.Helper()
	const interval = 120 * time.Millisecond
	poll := time.NewTicker(interval)
	defer poll.Stop()
	end := time.Now().Add(deadline)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("%s: not within %v: %v", what, deadline, err)
		}
		<-poll.C
	}
}

// throughout polls for a while and fails at the first time check does not pass.
func (c *cluster) throughout(period time.Duration, what string, check func() error) {
	c.t.Helper()
	poll := time.NewTicker(250 * time.Millisecond)
	defer poll.Stop()
	start := time.Now()
	for time.Since(start) < period {
		if err := check(); err != nil {
			c.t.Fatalf("%s: no longer after %v: %v", what, time.Since(start).Round(time.Millisecond), err)
		}
		<-poll.C
	}
}

// must fails the test on an error of a step.
func (c *cluster) must(err error, format string, args ...any) {
	c.t.Helper()
	if err != nil {
		c.t.Fatalf("%s: %v", fmt.Sprintf(format, args...), err)
	}
}
