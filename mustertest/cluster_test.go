package mustertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

func TestHundredNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 100, nil)
		begin := time.Now()
		network.Isolate("n42")
		mustertest.AwaitMembers(t, append(slices.Clone(nodes[:42]), nodes[43:]...)...)
		if took := time.Since(begin); took > time.Minute {
			t.Errorf("the death of one took %v to be known by 99", took)
		}
	})
}

// A node that ends and one that starts under its name and address.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 3, nil)
		addr := nodes[2].Local().Addr
		for range 3 {
			if err := nodes[2].Close(); err != nil {
				t.Fatal(err)
			}
			mustertest.AwaitMembers(t, nodes[:2]...)
			nodes[2] = mustertest.Start(t, network, "n2", func(c *muster.Config) { c.Seeds = []string{network.Addr("n1").String()} })
			mustertest.AwaitMembers(t, nodes...)
		}
		if got := nodes[2].Local().Addr; got != addr {
			t.Errorf("restarted at %v, was at %v", got, addr)
		}
	})
}

// Everything a node does with its transport: broadcasts, packets, streams of
// some size; and a reliable send through a cut fails in time.
func TestMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Loss: 0.1, Delay: time.Millisecond, Tail: 20 * time.Millisecond, Duplicate: 0.1})
		var mu sync.Mutex
		sizes := map[int]int{}
		nodes := mustertest.Cluster(t, network, 5, func(_ int, c *muster.Config) {
			c.OnMessage = func(m muster.Message) {
				mu.Lock()
				defer mu.Unlock()
				sizes[len(m.Payload)]++
			}
		})
		got := func(size, count int) func() bool {
			return func() bool {
				mu.Lock()
				defer mu.Unlock()
				return sizes[size] == count
			}
		}
		if err := nodes[0].Broadcast(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		mustertest.Await(t, "a broadcast at all others", got(100, 4))
		for i, size := range []int{1, 10_000, 5_000_000} {
			if err := nodes[i].Send(t.Context(), "n4", make([]byte, size)); err != nil {
				t.Fatal(err)
			}
			mustertest.Await(t, "a message", got(size, 1))
		}
		network.Block("n4", "n0")
		begin := time.Now()
		if err := nodes[0].Send(t.Context(), "n4", []byte("x")); err == nil || time.Since(begin) > time.Minute {
			t.Errorf("send through a cut: %v after %v", err, time.Since(begin))
		}
	})
}

// Two halves of a cluster come together again.
func TestPartitionHeals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := mustertest.Cluster(t, network, 8, nil)
		network.Partition([]string{"n0", "n1", "n2"})
		mustertest.AwaitMembers(t, nodes[:3]...)
		mustertest.AwaitMembers(t, nodes[3:]...)
		network.Heal()
		mustertest.AwaitMembers(t, nodes...)
	})
}

// Without a bubble it works in real time.
func TestRealTime(t *testing.T) {
	t.Parallel()
	network := mustertest.NewNetwork(mustertest.Options{})
	nodes := mustertest.Cluster(t, network, 3, func(_ int, c *muster.Config) {
		*c = muster.Local()
		c.ProbeInterval, c.ProbeTimeout = 100*time.Millisecond, 50*time.Millisecond
	})
	network.Isolate("n1")
	mustertest.AwaitMembers(t, nodes[0], nodes[2])
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := nodes[1].Join(ctx, network.Addr("n0").String()); err == nil {
		t.Error("joined through a cut")
	}
	if err := nodes[0].Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// fakeTB takes what a helper reports in place of a test.
type fakeTB struct {
	testing.TB
	fatal string
}

var errFatal = errors.New("fatal")

func (f *fakeTB) Helper() {}
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	panic(errFatal)
}

// A condition that never holds fails the test, and says who saw what.
func TestAwaitGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		one := mustertest.Start(t, network, "one", nil)
		two := mustertest.Start(t, network, "two", nil)
		for want, f := range map[string]func(tb testing.TB){
			"never within 1s: pigs fly":              func(tb testing.TB) { mustertest.AwaitFor(tb, time.Second, "pigs fly", func() bool { return false }) },
			"never within 2m0s: pigs fly":            func(tb testing.TB) { mustertest.Await(tb, "pigs fly", func() bool { return false }) },
			"one sees one:alive\ntwo sees two:alive": func(tb testing.TB) { mustertest.AwaitMembers(tb, one, two) },
		} {
			fake := &fakeTB{TB: t}
			func() {
				defer func() {
					if r := recover(); r != nil && r != errFatal {
						panic(r)
					}
				}()
				f(fake)
			}()
			if !strings.Contains(fake.fatal, want) {
				t.Errorf("the test failed with %q, want %q", fake.fatal, want)
			}
		}
	})
}
