package consensus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// testCluster runs nodes in this process, each with its own directory, on one
// testNet. Gossip is what the test says it is.
type testCluster struct {
	t     testing.TB
	net   *testNet
	dir   string
	tune  func(name string, o *Options)
	names []string

	mu    sync.Mutex
	nodes map[string]*testNode
	addrs map[string]string // of every node that ever ran
	gone  map[string]bool   // not in gossip
}

type testNode struct {
	*Node
	fsm    *kv
	faults *diskFaults
}

func newCluster(t testing.TB, names []string, tune func(name string, o *Options)) *testCluster {
	t.Helper()
	c := &testCluster{
		t: t, net: newTestNet(), dir: t.TempDir(), tune: tune, names: names,
		nodes: map[string]*testNode{}, addrs: map[string]string{}, gone: map[string]bool{},
	}
	t.Cleanup(func() {
		for _, name := range c.running() {
			c.crash(name)
		}
	})
	return c
}

func (c *testCluster) path(name string) string { return filepath.Join(c.dir, name) }

// options are those of a node that listens at bind.
func (c *testCluster) options(name, bind string) (Options, *diskFaults) {
	layer := c.net.layer(c.t, name, bind)
	faults := &diskFaults{}
	o := Options{
		Dir: c.path(name), ID: name, Advertise: layer.Addr().String(), Stream: layer,
		BootstrapExpect: len(c.names), Heartbeat: 200 * time.Millisecond, Lease: 200 * time.Millisecond,
		RPCTimeout: time.Second, ProposeTimeout: 10 * time.Second, SegmentSize: 1 << 20,
		Logger: testLogger(c.t, name), faults: faults,
	}
	if c.tune != nil {
		c.tune(name, &o)
	}
	return o, faults
}

// start runs a node, at a new address, and tells everybody.
func (c *testCluster) start(name string) *testNode {
	c.t.Helper()
	n, err := c.open(name)
	if err != nil {
		c.t.Fatalf("starting %s: %v", name, err)
	}
	return n
}

func (c *testCluster) open(name string) (*testNode, error) { return c.openAt(name, "127.0.0.1:0") }

func (c *testCluster) openAt(name, bind string) (*testNode, error) {
	o, faults := c.options(name, bind)
	fsm := newKV()
	node, err := Open(o, fsm)
	if err != nil {
		return nil, err
	}
	n := &testNode{Node: node, fsm: fsm, faults: faults}
	c.mu.Lock()
	c.nodes[name] = n
	c.addrs[name] = o.Advertise
	c.mu.Unlock()
	c.gossip()
	return n, nil
}

// startAll runs all nodes and waits until each is ready.
func (c *testCluster) startAll() *testCluster {
	c.t.Helper()
	for _, name := range c.names {
		c.start(name)
	}
	c.waitReady(c.names...)
	return c
}

// gossip tells every running node who is running.
func (c *testCluster) gossip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var alive []Server
	for name := range c.nodes {
		if !c.gone[name] {
			alive = append(alive, Server{ID: name, Addr: c.addrs[name]})
		}
	}
	for _, n := range c.nodes {
		n.SetMembers(alive)
	}
}

// forget removes a node from what gossip says, without stopping it.
func (c *testCluster) hide(name string, gone bool) {
	c.mu.Lock()
	c.gone[name] = gone
	c.mu.Unlock()
	c.gossip()
}

func (c *testCluster) node(name string) *testNode {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[name]
}

func (c *testCluster) running() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name := range c.nodes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// remove takes a node out of the books.
func (c *testCluster) remove(name string) *testNode {
	c.mu.Lock()
	n := c.nodes[name]
	delete(c.nodes, name)
	c.mu.Unlock()
	c.gossip()
	return n
}

// crash ends a node as a kill does, as far as the others can see: it says no
// goodbye and its connections break.
func (c *testCluster) crash(name string) {
	n := c.remove(name)
	c.net.reset(name)
	if err := n.shut(0); err != nil {
		c.t.Errorf("ending %s: %v", name, err)
	}
}

// stop ends a node in order.
func (c *testCluster) stop(name string) {
	c.t.Helper()
	n := c.node(name)
	if err := n.Close(); err != nil {
		c.t.Errorf("closing %s: %v", name, err)
	}
	c.remove(name)
}

// leader waits until every running node names the same leader.
func (c *testCluster) leader(among ...string) string {
	c.t.Helper()
	if len(among) == 0 {
		among = c.running()
	}
	var id string
	eventually(c.t, 10*time.Second, "one leader", func() error {
		id = c.node(among[0]).leaders.id()
		for _, name := range among {
			n := c.node(name)
			if got := n.leaders.id(); got != id || got == "" {
				return fmt.Errorf("%s follows %q, %s follows %q", among[0], id, name, got)
			}
		}
		if l := c.node(id); l == nil || !l.Leads() || l.Leader().ID != id {
			return fmt.Errorf("%s does not lead", id)
		}
		return nil
	})
	return id
}

// followers are the running nodes that do not lead.
func (c *testCluster) followers() []string {
	c.t.Helper()
	id := c.leader()
	return slices.DeleteFunc(c.running(), func(name string) bool { return name == id })
}

func (c *testCluster) waitReady(names ...string) {
	c.t.Helper()
	eventually(c.t, 20*time.Second, "readiness", func() error {
		for _, name := range names {
			if err := c.node(name).Ready(); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		return nil
	})
}

// same waits until all running nodes have the same state.
func (c *testCluster) same() {
	c.t.Helper()
	names := c.running()
	eventually(c.t, 10*time.Second, "equal states", func() error {
		want := c.node(names[0]).fsm.state()
		for _, name := range names[1:] {
			if got := c.node(name).fsm.state(); !reflect.DeepEqual(got, want) {
				return fmt.Errorf("%s has %d commands, %s has %d, or other data", names[0], want.Index, name, got.Index)
			}
		}
		return nil
	})
}

func (n *testNode) must(t testing.TB, cmd string) string {
	t.Helper()
	b, err := n.Propose(t.Context(), []byte(cmd))
	if err != nil {
		t.Fatalf("%s at %s: %v", cmd, n.opts.ID, err)
	}
	return string(b)
}

// eventually polls a condition until it holds.
func eventually(t testing.TB, d time.Duration, what string, f func() error) {
	t.Helper()
	end := time.Now().Add(d)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("no %s within %v: %v", what, d, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// testLogger prints when MUSTER_TEST_LOG is set.
func testLogger(t testing.TB, name string) *slog.Logger {
	var w = io.Discard
	level := slog.LevelDebug
	if l := os.Getenv("MUSTER_TEST_LOG"); l != "" {
		w = os.Stderr
		if l == "info" {
			level = slog.LevelInfo
		}
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})).With("node", name)
}

// noLeaks fails the test when goroutines of this package or the engine are left
// at its end.
func noLeaks(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		eventually(t, 10*time.Second, "end of all goroutines", func() error {
			buf := make([]byte, 1<<20)
			var left []string
			for _, g := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
				if (strings.Contains(g, "/consensus.") || strings.Contains(g, "hashicorp/raft")) && !strings.Contains(g, "testing.") {
					left = append(left, g)
				}
			}
			if len(left) > 0 {
				return errors.New(strings.Join(left, "\n\n"))
			}
			return nil
		})
	})
}

func shortly(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
