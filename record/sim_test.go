package record

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"
)

// size returns how large a simulation is to be: the small one of every run of
// the tests, or what the environment asks for.
func size(t testing.TB, name string, usual int) int {
	v := os.Getenv(name)
	if v == "" {
		return usual
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func simSeed(t testing.TB, usual uint64) uint64 { return uint64(size(t, "MUSTER_SEED", int(usual))) }

// TestSimulation is issue 3's: members with 20 keys each, 5% loss, updates
// whose way to everybody is timed, churn, and a partition that heals. Its full
// size is MUSTER_RECORD_MEMBERS=1000.
func TestSimulation(t *testing.T) {
	n := size(t, "MUSTER_RECORD_MEMBERS", 60)
	c := newCluster(t, simSeed(t, 11))
	c.loss, c.delay = 0.05, 20*time.Millisecond
	began := time.Now()
	stage := func(name string) {
		t.Logf("%-28s %8v virtual, %6.2f s real, %9d packets of %4.1f MB, %4.1f MB over %d streams", name, c.now.Round(time.Millisecond),
			time.Since(began).Seconds(), c.packets, float64(c.bytes)/1e6, float64(c.streamed)/1e6, c.streams)
		c.packets, c.bytes, c.streamed, c.streams = 0, 0, 0, 0
	}
	for i := range n {
		c.add(fmt.Sprintf("node-%04d", i))
	}
	c.meetAll()
	for _, o := range c.nodes {
		c.after(time.Duration(c.r.Int64N(int64(time.Second))), func() {
			for k := range 20 {
				o.set(fmt.Sprintf("key-%02d", k), fmt.Sprint("first ", k))
			}
		})
	}
	c.run(time.Second, nil)
	if !c.run(2*time.Minute, c.converged) {
		t.Fatal("not converged from empty")
	}
	stage("all have all")

	times := c.timeUpdates(15)
	t.Logf("updates reach everybody after %v at the median, %v at most", times[len(times)/2], times[len(times)-1])
	if times[len(times)/2] > 2*time.Second {
		t.Error("updates take too long")
	}
	stage("updates")

	c.churn(n/20+1, 20*time.Second)
	c.run(30*time.Second, nil)
	if !c.run(2*time.Minute, c.converged) {
		t.Fatal("not converged after churn")
	}
	stage("churn")

	c.partition(15 * time.Second)
	if !c.run(2*time.Minute, c.converged) {
		t.Fatal("not converged after the partition")
	}
	stage("partition")
	c.mustAgreeSome(15)
	equal := 0
	c.run(15*time.Second, nil)
	for _, o := range c.nodes {
		if o.Digest() == c.nodes[0].Digest() {
			equal++
		}
		if s := o.Stats(); s.Malformed > 0 || s.Wanted > 0 || s.Streams > 1 {
			t.Errorf("%s: %+v", o.name, s)
		}
	}
	if equal < n {
		t.Errorf("%d of %d members have the same digest", equal, n)
	}
	stage("rest")
}

// timeUpdates has members change keys, one after another, and times how long
// it takes until the last member shows each change.
func (c *cluster) timeUpdates(n int) (times []time.Duration) {
	for i := range n {
		o := c.nodes[c.r.IntN(len(c.nodes))]
		left, began := len(c.nodes), c.now
		value := fmt.Sprint("update ", i)
		c.observe = func(_ *node, rd *Ready) {
			for _, e := range rd.Events {
				if e.Owner == o.name && string(e.Value) == value {
					left--
				}
			}
		}
		o.set("key-07", value)
		if !c.run(30*time.Second, func() bool { return left == 0 }) {
			c.t.Fatalf("seed %d: update %d has not reached %d members", c.seed, i, left)
		}
		times = append(times, c.now-began)
		c.observe = nil
		c.run(time.Duration(c.r.Int64N(int64(500*time.Millisecond))), nil)
	}
	slices.Sort(times)
	return times
}

// churn has members crash, come back as new processes, and everybody write
// meanwhile. The others notice after a while.
func (c *cluster) churn(n int, over time.Duration) {
	at := func() time.Duration { return time.Duration(c.r.Int64N(int64(over))) }
	for range n {
		c.after(at(), func() {
			o := c.nodes[c.r.IntN(len(c.nodes))]
			if o.down {
				return
			}
			o.down = true
			c.after(3*time.Second, func() { c.part(o) })
			c.after(4*time.Second+at()/4, func() { c.restart(o) })
		})
	}
	for range 5 * n {
		c.after(at(), func() {
			if o := c.nodes[c.r.IntN(len(c.nodes))]; !o.down {
				o.set(fmt.Sprintf("key-%02d", c.r.IntN(20)), fmt.Sprint("churn ", c.r.Uint32()))
				o.del(fmt.Sprintf("key-%02d", c.r.IntN(20)))
			}
		})
	}
	c.run(over, nil)
}

// restart brings a member back as a new process that sets other keys.
func (c *cluster) restart(o *node) {
	o.boot()
	for k := range 10 {
		o.set(fmt.Sprintf("key-%02d", k), "second life")
	}
	for _, p := range c.nodes {
		if p != o && !p.down {
			c.after(time.Duration(c.r.Int64N(int64(time.Second))), func() {
				if !p.down && !o.down {
					c.meet(o, p)
				}
			})
		}
	}
}

// partition cuts the cluster in two. Each side goes on writing and takes the
// other for dead, until some time after it has healed.
func (c *cluster) partition(d time.Duration) {
	half := len(c.nodes) / 2
	sides := func(do func(a, b *node)) {
		for _, a := range c.nodes[:half] {
			for _, b := range c.nodes[half:] {
				if !a.down && !b.down {
					do(a, b)
				}
			}
		}
	}
	c.cut = func(a, b *node) bool { return (a.id < half) != (b.id < half) }
	c.after(d/3, func() {
		sides(func(a, b *node) {
			a.PeerDown(c.time(), b.name)
			a.act()
			b.PeerDown(c.time(), a.name)
			b.act()
		})
	})
	for range 40 {
		c.after(time.Duration(c.r.Int64N(int64(d))), func() {
			if o := c.nodes[c.r.IntN(len(c.nodes))]; !o.down {
				o.set(fmt.Sprintf("key-%02d", c.r.IntN(20)), fmt.Sprint("apart ", c.r.Uint32()))
				o.del(fmt.Sprintf("key-%02d", c.r.IntN(20)))
			}
		})
	}
	c.run(d, nil)
	c.cut = nil
	c.run(time.Second, nil)
	sides(c.meet)
}

// mustAgreeSome compares the contents at some members, of all owners.
func (c *cluster) mustAgreeSome(n int) {
	c.t.Helper()
	for range n {
		i := c.r.IntN(len(c.nodes))
		if err := c.nodes[i].Check(); err != nil {
			c.t.Fatalf("seed %d: %s: %v", c.seed, c.nodes[i].name, err)
		}
		for _, owner := range c.nodes {
			if owner.down || c.nodes[i].down {
				continue
			}
			if want, got := owner.content(owner.name), c.nodes[i].content(owner.name); got != want {
				c.t.Fatalf("seed %d: %s has of %s\n%s\nwant\n%s", c.seed, c.nodes[i].name, owner.name, got, want)
			}
		}
	}
}
