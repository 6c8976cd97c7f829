package mustertest

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// Start starts a node on the network, at the network's Addr(name), from
// muster.LAN with what change changes; change may be nil. The node logs to tb
// and is closed when the test ends. Start again after a Close is a restart. If change
// sets a Transport, network is not asked for one and may be nil.
func Start(tb testing.TB, network *Network, name string, change func(*muster.Config)) *muster.Node {
	tb.Helper()
	cfg := muster.LAN()
	if change != nil {
		change(&cfg)
	}
	if cfg.Name == "" {
		cfg.Name = name
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(output(tb), nil))
	}
	if cfg.Transport == nil {
		cfg.Transport = network.Transport(name)
	}
	if cfg.Seed == 0 && network != nil {
		cfg.Seed = network.nodeSeed(name)
	}
	if network != nil {
		network.told.Do(func() { tb.Cleanup(func() { network.tell(tb) }) })
	}
	node, err := muster.Start(cfg)
	if err != nil {
		tb.Fatalf("mustertest: %v", err)
	}
	tb.Cleanup(func() {
		if err := node.Close(); err != nil {
			tb.Errorf("mustertest: close %s: %v", name, err)
		}
	})
	return node
}

// tell logs what repeats a test that failed.
func (n *Network) tell(tb testing.TB) {
	if tb.Failed() {
		tb.Logf("mustertest: the network's seed is %d", n.seed)
	}
}

// Cluster starts nodes n0, n1 ... that have joined n0, and waits until each
// knows all. change may be nil.
func Cluster(tb testing.TB, network *Network, size int, change func(i int, c *muster.Config)) []*muster.Node {
	tb.Helper()
	nodes := make([]*muster.Node, size)
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	for i := range nodes {
		nodes[i] = Start(tb, network, fmt.Sprintf("n%d", i), func(c *muster.Config) {
			if change != nil {
				change(i, c)
			}
		})
		if i == 0 {
			continue
		}
		if _, err := nodes[i].Join(ctx, network.Addr("n0").String()); err != nil {
			tb.Fatalf("mustertest: n%d: %v", i, err)
		}
	}
	AwaitMembers(tb, nodes...)
	return nodes
}

// output returns where a node may log to. A test must not be written to once it
// is over, and a callback that hangs may outlive it.
func output(tb testing.TB) io.Writer {
	w := &testOutput{to: tb.Output()}
	tb.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.to = io.Discard
	})
	return w
}

type testOutput struct {
	mu sync.Mutex
	to io.Writer
}

func (w *testOutput) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(b)
}

// patience is how long Await waits. In virtual time it is no time at all, and
// more than any cluster of LAN settings takes to notice anything.
const patience = 2 * time.Minute
