package interop

import (
	"fmt"
	"time"
)

// deathTime bounds the detection of a death. Under the LAN preset a suspicion
// lasts 4 to 24 s in clusters this small, after up to a round of probes; the
// news may have to wait for a push/pull.
const deathTime = 100 * time.Second

// endTime bounds the end of a process that has left.
const endTime = 20 * time.Second

// leave: one node of each kind leaves on request, one more on SIGTERM; the
// others see a departure, not a death.
func leave(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	for _, n := range c.named("m1", "s1", "o1") {
		c.goodbye(n)
	}
	c.agree(agreeTime)
	m2 := c.node("m2")
	c.must(m2.terminate(), "SIGTERM to m2")
	c.depart(m2, left)
	c.ended(m2)
	c.agree(agreeTime)
	c.spread("still here", 1)
}

// goodbye has a node leave and waits for its process to end.
func (c *cluster) goodbye(n *node) {
	c.t.Helper()
	c.must(n.leave(), "%s leaves", n.name)
	c.depart(n, left)
	c.ended(n)
}

// ended waits for a process that is ending and insists on exit code 0.
func (c *cluster) ended(n *node) {
	c.t.Helper()
	select {
	case <-n.exited:
		c.must(n.err, "%s ended", n.name)
	case <-time.After(endTime):
		c.t.Fatalf("%s still runs %v after leaving", n.name, endTime)
	}
}

// kill: one node of each kind dies without a word; the others find out, all
// of them, and lose nobody else.
func kill(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	for _, n := range c.named("m1", "s1", "o1") {
		c.murder(n)
	}
	c.agree(deathTime)
	c.spread("still here", 1)
}

func (c *cluster) murder(n *node) {
	c.t.Helper()
	c.must(n.kill(), "kill %s", n.name)
	c.depart(n, dead)
}

// freeze: one muster and one memberlist process stop for long enough to be
// declared dead, go on, and are taken back.
func freeze(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	frozen := c.named("m1", "s1")
	for _, n := range frozen {
		c.must(n.freeze(), "freeze %s", n.name)
		n.frozen = true
	}
	c.sideSees(deathTime, dead, c.up(), frozen)
	for _, n := range frozen {
		c.must(n.resume(), "resume %s", n.name)
		n.frozen = false
	}
	c.agree(deathTime)
	c.spread("all back", 1)
}

// seeds is the first running node that is not n itself.
func (c *cluster) seeds(n *node) []*node {
	for _, other := range c.up() {
		if other != n {
			return []*node{other}
		}
	}
	return nil
}

// other is the second of a pair.
func (c *cluster) other(n *node) *node {
	if n == c.nodes[0] {
		return c.nodes[1]
	}
	return c.nodes[0]
}

// restart brings a node back under its name, at an address or at a new port,
// with different metadata, since the others may not keep the old. It joins the
// last node, which no scenario takes away.
func (c *cluster) restart(n *node, bind string) {
	c.t.Helper()
	n.meta = fmt.Sprintf("%s back as number %d", n.name, c.turn())
	var extra []string
	if bind != "" {
		extra = []string{"--bind", bind}
	}
	c.start(n, c.nodes[len(c.nodes)-1:], extra...)
}

// restartMoved: nodes that have left come back at another port.
func restartMoved(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	for _, n := range c.named("m1", "s1", "o1") {
		c.goodbye(n)
	}
	c.agree(agreeTime)
	for _, n := range c.named("m1", "s1", "o1") {
		c.restart(n, "")
	}
	c.agree(agreeTime)
	c.spread("moved in", 1)
}

// restartAtOnce: killed nodes are back at the same port before anyone noticed,
// with an incarnation behind the cluster's memory of them.
func restartAtOnce(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	raiseIncarnations(c)
	for _, n := range c.named("m1", "s1", "o1") {
		addr := n.addr
		c.murder(n)
		c.restart(n, addr)
	}
	c.agree(deathTime)
	c.spread("never away", 1)
}

// restartAfterDeath: the same after everybody knows of the deaths.
func restartAfterDeath(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	raiseIncarnations(c)
	victims := c.named("m1", "s1", "o1")
	for _, n := range victims {
		c.murder(n)
	}
	c.agree(deathTime)
	for _, n := range victims {
		c.restart(n, n.addr)
	}
	c.agree(deathTime)
	c.spread("risen", 1)
}

// raiseIncarnations has the nodes that will be killed change their metadata a
// few times, so that they restart with an incarnation long past.
func raiseIncarnations(c *cluster) {
	for i := range 5 {
		for _, n := range c.named("m1", "s1", "o1") {
			n.meta = fmt.Sprintf("%s, change %d", n.name, i)
			c.must(n.setMeta(n.meta), "set %s's meta", n.name)
		}
	}
	c.agree(agreeTime)
}

// smokeStory is the matrix in one breath: an encrypted cluster forms, talks,
// sees one node leave and one die.
func smokeStory(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	c.spread("hello", 1)
	c.goodbye(c.node("s1"))
	c.murder(c.node("m1"))
	c.agree(deathTime)
	c.spread("still here", 1)
}

// crowded: so many nodes with so much to say of themselves that neither a
// packet nor one segment of a stream holds it. The first node, whom everybody
// joined, is among those that go.
func crowded(c *cluster) {
	for i, n := range c.nodes {
		n.meta = noise(400 + i)
		c.start(n, c.nodes[:min(i, 1)])
	}
	c.agree(agreeTime)
	for _, n := range c.named("m1", "s1", "o1") {
		c.goodbye(n)
	}
	for _, n := range c.named("m2", "s2", "o2") {
		c.murder(n)
	}
	c.agree(deathTime)
	c.spread("still here", 1)
}
