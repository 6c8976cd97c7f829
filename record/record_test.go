package record

import (
	"fmt"
	"testing"
	"time"
)

func trio(t *testing.T, seed uint64) (c *cluster, a, b, d *node) {
	c = newCluster(t, seed)
	a, b, d = c.add("a"), c.add("b"), c.add("d")
	c.meetAll()
	return c, a, b, d
}

// settle waits until all have the same, and checks that it is the same.
func (c *cluster) settle(d time.Duration) {
	c.t.Helper()
	start := c.now
	if !c.run(d, c.converged) {
		c.t.Fatalf("seed %d: not converged after %v", c.seed, d)
	}
	c.t.Logf("converged after %v", c.now-start)
	c.mustAgree()
}

func TestChangesReachEverybody(t *testing.T) {
	c, a, b, d := trio(t, 1)
	a.set("x", "1")
	a.set("y", "2")
	b.set("x", "of b")
	c.settle(time.Second)
	a.set("x", "3")
	a.del("y")
	c.settle(time.Second)
	for _, n := range []*node{a, b, d} {
		if n.get("a", "x") != "3" || n.get("a", "y") != "-" || n.get("b", "x") != "of b" {
			t.Errorf("%s has %s, %s", n.name, n.content("a"), n.content("b"))
		}
	}
}

func TestManyKeys(t *testing.T) {
	c, a, _, _ := trio(t, 2)
	for i := range 5000 {
		a.set(fmt.Sprint("key-", i), fmt.Sprint("value ", i, " ", "...................................................."))
	}
	c.settle(10 * time.Second)
	late := c.add("late")
	for _, n := range c.nodes[:3] {
		c.meet(late, n)
	}
	c.settle(20 * time.Second)
	t.Logf("%d bytes in packets, %d over %d streams", c.bytes, c.streamed, c.streams)
}

func TestLog(t *testing.T) {
	c, a, b, d := trio(t, 3)
	for i := range 100 {
		if _, err := a.Publish(c.time(), "topic", fmt.Append(nil, "message ", i)); err != nil {
			t.Fatal(err)
		}
		a.act()
	}
	if !c.run(20*time.Second, func() bool { return a.done == 100 }) {
		t.Fatalf("done up to %d; b has %d, d has %d; %+v", a.done, b.got["a"], d.got["a"], b.Stats())
	}
	if b.deliver != 100 || d.deliver != 100 {
		t.Errorf("delivered %d and %d", b.deliver, d.deliver)
	}
}
