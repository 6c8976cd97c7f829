package record

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestChaos runs small clusters through everything at once: loss, cuts one way
// and both, restarts with clocks that go back, members that are forgotten,
// collections of tombstones that come soon, chunks and packets that are small.
// After each a quiet time in which all must come to agree. Besides, what must
// hold at all times is checked after every input.
func TestChaos(t *testing.T) {
	runs, first := size(t, "MUSTER_RECORD_CHAOS", 30), simSeed(t, 1)
	for seed := first; seed < first+uint64(runs); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { newChaos(t, seed).run() })
	}
}

type chaos struct {
	*cluster
	cuts map[[2]int]bool
	back map[string]time.Duration       // how far a clock goes back at the next start
	seen map[[2]string]map[string]shown // per node and owner: what was last shown of each key
}

func newChaos(t testing.TB, seed uint64) *chaos {
	c := &chaos{cluster: newCluster(t, seed), cuts: make(map[[2]int]bool), back: make(map[string]time.Duration), seen: make(map[[2]string]map[string]shown)}
	c.loss = float64(c.r.IntN(4)) * 0.1
	c.delay = time.Duration(1+c.r.IntN(200)) * time.Millisecond
	chunk, packet := 1<<10<<c.r.IntN(9), packetMin<<c.r.IntN(3)
	age := time.Duration(1+c.r.IntN(20)) * time.Second
	room := int64(1 << 40)
	if c.r.IntN(4) == 0 {
		room = 30_000
	}
	c.config = func(cfg *Config) {
		cfg.ChunkSize, cfg.PacketSize, cfg.TombstoneAge = chunk, packet, age
		cfg.Generation -= uint64(c.back[cfg.Name])
		if cfg.Name == "n0" {
			cfg.MaxTotal = room
		}
		cfg.SyncInterval = 3 * time.Second
		cfg.LogEntries, cfg.LogAge = 50, 30*time.Second
	}
	c.cut = func(a, b *node) bool { return c.cuts[[2]int{a.id, b.id}] }
	c.observe = c.watch
	for i := range 2 + c.r.IntN(6) {
		c.add(fmt.Sprint("n", i))
	}
	c.meetAll()
	return c
}

// watch verifies that no key is shown older than before, and all invariants.
func (c *chaos) watch(n *node, rd *Ready) {
	for _, e := range rd.Events {
		id := [2]string{fmt.Sprint(n.name, n.life), e.Owner}
		gen, _ := n.Version(e.Owner)
		if c.seen[id] == nil {
			c.seen[id] = make(map[string]shown)
		}
		was := c.seen[id][e.Key]
		if gen != 0 && (gen < was.gen || gen == was.gen && e.Version < was.version) {
			c.t.Fatalf("seed %d, %v: %s shows %s at %d.%d after %d.%d", c.seed, c.now, n.name, e.Owner+"/"+e.Key, gen, e.Version, was.gen, was.version)
		}
		c.seen[id][e.Key] = shown{gen, e.Version}
	}
	if c.r.IntN(10) == 0 && n.Core != nil {
		if err := n.Check(); err != nil {
			c.t.Fatalf("seed %d, %v: %s: %v", c.seed, c.now, n.name, err)
		}
	}
}

func (c *chaos) run() {
	for range 150 {
		c.step()
		c.cluster.run(time.Duration(c.r.Int64N(int64(600*time.Millisecond))), nil)
	}
	clear(c.cuts)
	c.loss = 0
	for _, n := range c.nodes {
		if n.down {
			c.boot(n)
		}
	}
	c.cluster.run(2*time.Second, nil)
	c.meetAll()
	if n0 := c.nodes[0]; n0.cfg.MaxTotal < 1<<40 {
		for _, n := range c.nodes { // make room
			n.Each(n.name, "", func(key string, _ []byte, _ uint64) bool {
				c.after(0, func() { n.del(strings.Clone(key)) })
				return true
			})
		}
		c.cluster.run(time.Minute, nil)
	}
	if !c.cluster.run(3*time.Minute, c.converged) {
		for _, n := range c.nodes {
			c.t.Logf("%s: %+v", n.name, n.Stats())
			for _, o := range c.nodes {
				c.t.Logf("%s has of %s %.60s", n.name, o.name, n.content(o.name))
			}
		}
		c.t.Fatalf("seed %d: not converged", c.seed)
	}
	c.mustAgree()
	c.finishLogs()
}

// finishLogs: everybody gets what is published now, and the owners know it.
func (c *chaos) finishLogs() {
	c.t.Helper()
	for _, n := range c.nodes {
		n.publish("end", "x")
	}
	done := func() bool {
		for _, n := range c.nodes {
			if n.done < n.self.log.end() {
				return false
			}
		}
		return true
	}
	if !c.cluster.run(time.Minute, done) {
		for _, n := range c.nodes {
			c.t.Logf("%s: done %d of %d, %+v", n.name, n.done, n.self.log.end(), n.Stats())
		}
		c.t.Fatalf("seed %d: not all is acknowledged", c.seed)
	}
	for _, n := range c.nodes {
		for _, o := range c.nodes {
			if n != o && n.got[o.name] != o.self.log.end() {
				c.t.Fatalf("seed %d: %s got up to %d of %s, which ends at %d", c.seed, n.name, n.got[o.name], o.name, o.self.log.end())
			}
		}
	}
}

func (c *chaos) boot(n *node) {
	delete(c.back, n.name)
	if c.r.IntN(4) == 0 {
		c.back[n.name] = time.Duration(c.r.Int64N(int64(10 * time.Minute)))
	}
	n.boot()
	for _, p := range c.nodes {
		if p != n && !p.down {
			// The membership has it that this is another process.
			p.Core.PeerDown(c.time(), n.name)
			p.act()
			c.meet(n, p)
		}
	}
}

func (c *chaos) step() {
	n := c.nodes[c.r.IntN(len(c.nodes))]
	o := c.nodes[c.r.IntN(len(c.nodes))]
	key := fmt.Sprint("k", c.r.IntN(30))
	switch k := c.r.IntN(40); {
	case n.down:
		if k < 10 {
			c.boot(n)
		}
	case k < 14:
		n.change(key, strings.Repeat(fmt.Sprint(c.r.IntN(10)), 1+c.r.IntN(300)))
	case k < 16:
		n.change(key, strings.Repeat("L", c.r.IntN(5000)))
	case k < 18:
		for i := range 60 {
			n.change(fmt.Sprint("bulk", i), fmt.Sprint(c.r.Uint64()))
		}
	case k < 26:
		n.del(key)
	case k < 28:
		for i := range 60 {
			n.del(fmt.Sprint("bulk", i))
		}
	case k < 31:
		if _, err := n.Publish(c.time(), "t", []byte(key)); err == nil {
			n.act()
		}
	case k < 33:
		c.cuts[[2]int{n.id, o.id}] = true
	case k < 36:
		clear(c.cuts)
	case k < 37 && o != n:
		n.PeerDown(c.time(), o.name)
		n.act()
		c.after(time.Second, func() {
			if !n.down && !o.down {
				c.meet(n, o)
			}
		})
	case k < 38 && o != n:
		n.Forget(c.time(), o.name)
		delete(c.seen, [2]string{fmt.Sprint(n.name, n.life), o.name})
		delete(n.got, o.name)
		n.act()
		c.after(time.Second, func() {
			if !n.down && !o.down {
				c.meet(n, o)
			}
		})
	case k < 39:
		n.down = true
		c.part(n)
	}
}

// change sets a key if there is room for it.
func (n *node) change(key, value string) {
	_ = n.Set(n.c.time(), key, []byte(value), 0) // full is as good as set here
	n.act()
}
