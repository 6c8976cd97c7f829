package interop

import (
	"fmt"
	"time"
)

// agreeTime bounds how long news may take to reach everybody in a healthy
// cluster. Mostly that is a second. But memberlist's gossip goes to members
// chosen at random with repetition, and what it misses, about once in a
// hundred, waits for a push/pull: every 30 s under the LAN preset, the first
// one after a random delay of as much again.
const agreeTime = 75 * time.Second

// join: everybody joins the first node.
func join(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
}

// joinChain: each node knows only the one before it, so that every kind is
// joined by every other.
func joinChain(c *cluster) {
	for i, n := range c.nodes {
		n.meta = "meta of " + n.name
		c.start(n, c.nodes[max(0, i-1):i])
	}
	c.agree(agreeTime)
}

// joinBeforeSeed: the seed comes up last, at the address the others were told.
func joinBeforeSeed(c *cluster) {
	seed := c.nodes[0]
	c.start(seed, nil)
	c.agree(agreeTime)
	addr := seed.addr
	c.must(seed.kill(), "kill %s", seed.name)
	for _, n := range c.nodes[1:] {
		c.start(n, []*node{seed})
	}
	c.start(seed, nil, "--bind", addr)
	c.agree(agreeTime)
}

// merge: two clusters that grew apart become one by a single join, asked for
// from either side in turn.
func merge(c *cluster) {
	m1, m2, s1, o1 := c.node("m1"), c.node("m2"), c.node("s1"), c.node("o1")
	c.start(m1, nil)
	c.start(m2, []*node{m1})
	c.start(s1, nil)
	c.start(o1, []*node{s1})
	c.sideSees(agreeTime, alive, []*node{m1, m2}, []*node{m1, m2})
	c.sideSees(agreeTime, alive, []*node{s1, o1}, []*node{s1, o1})
	if c.setting.ipv6 {
		c.must(s1.join(m2.addr), "s1 joins m2")
	} else {
		c.must(m1.join(o1.addr), "m1 joins o1")
	}
	c.agree(agreeTime)
}

// steady: long enough for periodic push/pulls (every 15 s under the Local
// preset, after a random first delay of as much), nobody loses anybody.
func steady(c *cluster) {
	join(c)
	c.throughout(32*time.Second, "nobody loses anybody", func() error {
		for _, viewer := range c.nodes {
			view, err := viewer.checked()
			if err != nil {
				return err
			}
			for _, n := range c.nodes {
				// A suspicion is no loss: a busy machine delays acks.
				if s := view[n.name].State; s != alive && s != "suspect" {
					return fmt.Errorf("%s sees %s %s", viewer.name, n.name, s)
				}
			}
		}
		return nil
	})
	c.agree(agreeTime)
}
