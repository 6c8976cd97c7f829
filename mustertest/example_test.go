package mustertest_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// Three nodes: one is cut off, fails for the others, and is back after the cut.
// All that takes a quarter of a minute of virtual time, and some milliseconds.
func TestExample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, nil) // n0, n1, n2

		network.Isolate("n2")
		mustertest.AwaitMembers(t, nodes[0], nodes[1])
		if m, _ := nodes[0].Member("n2"); m.State != muster.Dead {
			t.Errorf("n2 is %v", m.State)
		}

		network.Heal()
		mustertest.AwaitMembers(t, nodes...)
	})
}

// The network's transports serve nodes that are started by hand, also outside
// of a bubble.
func Example() {
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	network.SetDefault(mustertest.Link{Delay: time.Millisecond})

	var nodes [2]*muster.Node
	for i, name := range []string{"a", "b"} {
		cfg := muster.LAN()
		cfg.Name, cfg.Transport = name, network.Transport(name)
		cfg.Logger = slog.New(slog.DiscardHandler)
		node, err := muster.Start(cfg)
		if err != nil {
			log.Fatal(err)
		}
		defer node.Close()
		nodes[i] = node
	}
	network.Block("a", "b") // an answer would not come back
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	reached, err := nodes[1].Join(ctx, "10.0.0.1:7946")
	fmt.Println(reached, err != nil)

	network.Heal()
	reached, err = nodes[1].Join(context.Background(), "10.0.0.1:7946")
	fmt.Println(reached, err)
	// Output:
	// 0 true
	// 1 <nil>
}

// What a sends gets lost or late; what others send, does not.
func ExampleNetwork_SetLink() {
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	a, b := network.Transport("a"), network.Transport("b")
	network.SetLink("a", mustertest.Any, mustertest.Link{Loss: 1, Delay: 50 * time.Millisecond})
	for range 10 {
		if err := a.WritePacket([]byte("ping"), b.Addr()); err != nil {
			log.Fatal(err)
		}
		if err := b.WritePacket([]byte("ping"), a.Addr()); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(network.Counters("a", "b").Lost, network.Counters("b", "a").Lost)
	// Output: 10 0
}
