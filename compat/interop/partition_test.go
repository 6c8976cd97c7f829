package interop

import (
	"fmt"
	"time"
)

// healTime bounds the way back to one cluster after a long partition: muster
// tries the lost ones at its own slow pace.
const healTime = 90 * time.Second

// forgetTime is longer than a dead member is gossiped to under the Local preset
// (15 s), after which memberlist forgets it and no longer heals.
const forgetTime = 20 * time.Second

// partitionShort: both halves bury the other and are one again when the cut
// is mended, while memberlist still gossips to the dead.
func partitionShort(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	a, b := c.named("m1", "s1", "o1"), c.named("m2", "s2", "o2", "m3")
	c.divide(a, b)
	c.heal(a, b)
	c.agree(healTime)
	c.spread("one again", 1)
}

// partitionLong: so long that memberlist has forgotten the other half. Muster
// has not, and brings the halves together.
func partitionLong(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	a, b := c.named("m1", "s1", "o1"), c.named("m2", "s2", "o2", "m3")
	c.divideLong(a, b)
	c.agree(healTime)
	c.spread("one again", 1)
}

// partitionOneSide: the same with memberlist alone on one side, which can do
// nothing for the reunion.
func partitionOneSide(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	c.divideLong(c.named("m1", "m2"), c.named("s1", "s2", "o1"))
	c.agree(healTime)
	c.spread("one again", 1)
}

// divide cuts every link between two groups and waits until each has declared
// all of the other dead, and still agrees within itself.
func (c *cluster) divide(a, b []*node) {
	c.t.Helper()
	for _, side := range [][2][]*node{{a, b}, {b, a}} {
		var addrs []string
		for _, n := range side[1] {
			addrs = append(addrs, n.addr)
		}
		for _, n := range side[0] {
			c.must(n.cut(addrs...), "cut %s off", n.name)
		}
	}
	c.sideSees(deathTime, dead, a, b)
	c.sideSees(deathTime, dead, b, a)
	c.sideSees(deathTime, alive, a, a)
	c.sideSees(deathTime, alive, b, b)
}

func (c *cluster) divideLong(a, b []*node) {
	c.t.Helper()
	c.divide(a, b)
	c.throughout(forgetTime, "the cluster stays divided", func() error {
		for _, viewer := range a {
			view, err := viewer.checked()
			if err != nil {
				return err
			}
			for _, n := range b {
				if view[n.name].State == alive {
					return fmt.Errorf("%s sees %s alive across the cut", viewer.name, n.name)
				}
			}
		}
		return nil
	})
	c.heal(a, b)
}

// heal mends the links between two groups and does nothing else. Memberlist
// alone may stay divided: the control has an operator join the two.
func (c *cluster) heal(a, b []*node) {
	c.t.Helper()
	for _, n := range c.nodes {
		c.must(n.cut(), "mend %s's links", n.name)
	}
	if c.control {
		c.must(a[0].join(b[0].addr), "join %s and %s by hand", a[0].name, b[0].name)
	}
}
