package muster

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"
)

// quiet is a configuration for loopback that logs only on -v.
func quiet(t *testing.T, name string) Config {
	t.Helper()
	cfg := Local()
	cfg.Name, cfg.Bind = name, "127.0.0.1:0"
	w := io.Discard
	if testing.Verbose() {
		w = os.Stderr
	}
	cfg.Logger = slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return cfg
}

func startNode(t *testing.T, cfg Config) *Node {
	t.Helper()
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close %s: %v", cfg.Name, err)
		}
	})
	return n
}

// cluster starts n nodes that have joined the first.
func cluster(t *testing.T, n int, change func(i int, c *Config)) []*Node {
	t.Helper()
	nodes := make([]*Node, n)
	for i := range nodes {
		cfg := quiet(t, fmt.Sprintf("n%d", i))
		if change != nil {
			change(i, &cfg)
		}
		nodes[i] = startNode(t, cfg)
		if i > 0 {
			if _, err := nodes[i].Join(ctx(t), nodes[0].Local().Addr.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, node := range nodes {
		await(t, node, fmt.Sprintf("%d members", n), func() bool { return len(node.Members()) == n })
	}
	return nodes
}

func ctx(t *testing.T) context.Context {
	c, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return c
}

// await waits for a condition on a node's view, woken by its events.
func await(t *testing.T, n *Node, what string, ok func() bool) {
	t.Helper()
	c := ctx(t)
	for range n.Watch(c) {
		if ok() {
			return
		}
	}
	t.Fatalf("%s: never %s; members %+v", n.cfg.Name, what, n.AllMembers())
}

func TestClusterFormsLeavesAndDies(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 5, func(_ int, c *Config) { c.ProbeInterval, c.ProbeTimeout = 250*time.Millisecond, 100*time.Millisecond })
	if err := nodes[4].Leave(ctx(t)); err != nil {
		t.Fatal(err)
	}
	if err := nodes[3].Close(); err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes[:3] {
		await(t, n, "told of the leave", func() bool { m, _ := n.Member("n4"); return m.State == Left })
		await(t, n, "told of the death", func() bool { m, _ := n.Member("n3"); return m.State == Dead })
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}
	arrived := make(chan struct{}, 100)
	nodes := cluster(t, 3, func(i int, c *Config) {
		c.OnMessage = func(m Message) {
			mu.Lock()
			got[fmt.Sprintf("%d:%s:%v:%v", i, m.Payload, m.Reliable, m.Broadcast)]++
			mu.Unlock()
			arrived <- struct{}{}
		}
	})
	for range 3 {
		if err := nodes[0].Send(ctx(t), "n1", []byte("stream")); err != nil {
			t.Fatal(err)
		}
	}
	if err := nodes[0].SendPacket("n2", []byte("packet")); err != nil {
		t.Fatal(err)
	}
	if err := nodes[1].Broadcast([]byte("all")); err != nil {
		t.Fatal(err)
	}
	for range 3 + 1 + 2 {
		select {
		case <-arrived:
		case <-ctx(t).Done():
			t.Fatalf("messages missing, have %v", got)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for want, n := range map[string]int{"1:stream:true:false": 3, "2:packet:false:false": 1, "0:all:false:true": 1, "2:all:false:true": 1} {
		if got[want] != n {
			t.Errorf("%s arrived %d times, want %d; all: %v", want, got[want], n, got)
		}
	}
}
