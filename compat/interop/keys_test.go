package interop

import "fmt"

// rotateKeys replaces the cluster's key by one of another size without
// anybody being lost on the way: add everywhere, use everywhere, remove
// everywhere. Afterwards only the new key opens the door.
func rotateKeys(c *cluster) {
	late := c.nodes[len(c.nodes)-2:]
	for i, n := range c.nodes[:len(c.nodes)-2] {
		c.start(n, c.nodes[:min(i, 1)])
	}
	c.agree(agreeTime)
	for _, step := range []struct{ op, key string }{
		{"add", key16}, {"use", key16}, {"remove", c.setting.keys[0]},
	} {
		for _, n := range c.up() {
			c.must(n.rotate(step.op, step.key), "%s a key on %s", step.op, n.name)
		}
		for _, n := range c.up() {
			n.meta = fmt.Sprintf("%s after %s", n.name, step.op)
			c.must(n.setMeta(n.meta), "set %s's meta", n.name)
		}
		c.agree(agreeTime)
		c.spread(step.op, 1)
	}
	old := c.setting
	for _, k := range c.allKinds() {
		c.refused(k, old)
	}
	c.setting.keys = []string{key16}
	for i, n := range late {
		c.start(n, c.nodes[i:i+1])
	}
	c.agree(agreeTime)
	c.spread("with the late", 1)
}

// strangers: who has no key, another key or another label gets in nowhere,
// whatever it runs, and disturbs nobody.
func strangers(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	for _, wrong := range []func(*setting){
		func(s *setting) { s.keys = nil },
		func(s *setting) { s.keys = []string{key16} },
		func(s *setting) { s.label = "" },
		func(s *setting) { s.label = "team-b" },
	} {
		set := c.setting
		wrong(&set)
		for _, k := range c.allKinds() {
			c.refused(k, set)
		}
	}
	if err := c.agreed(); err != nil {
		c.t.Fatalf("after the strangers: %v", err)
	}
	c.spread("among ourselves", 1)
}

// allKinds are the kinds of node this cluster has.
func (c *cluster) allKinds() []kind {
	if c.control {
		return []kind{memberlist07, memberlist05}
	}
	return []kind{muster, memberlist07, memberlist05}
}

// refused starts a lone node under a setting of its own and has it fail to
// join each member, then each member fail to join it.
func (c *cluster) refused(k kind, set setting) {
	c.t.Helper()
	lone, stranger := c.guest("stranger", k, set)
	lone.start(stranger, nil)
	for _, n := range c.up() {
		if err := stranger.join(n.addr); err == nil {
			c.t.Errorf("a %v with keys %q and label %q joined %s (%v)", k, set.keys, set.label, n.name, n.kind)
		}
		if err := n.join(stranger.addr); err == nil {
			c.t.Errorf("%s (%v) joined a %v with keys %q and label %q", n.name, n.kind, k, set.keys, set.label)
		}
	}
	lone.agree(agreeTime)
	c.must(stranger.kill(), "kill the stranger")
	lone.depart(stranger, dead)
}

// namesake: a second process claims the name of a running node and joins. The
// cluster keeps the first.
func namesake(c *cluster) {
	c.startAll()
	c.agree(agreeTime)
	for i, k := range c.allKinds() {
		victim, door := c.nodes[i], c.nodes[i+1]
		lone, impostor := c.guest(victim.name, k, c.setting)
		lone.start(impostor, []*node{door})
		c.eventually(agreeTime, "the impostor is in touch", func() error {
			view, err := impostor.checked()
			if err != nil {
				return err
			}
			if view[door.name].State != alive {
				return fmt.Errorf("it sees %s %q", door.name, view[door.name].State)
			}
			return nil
		})
		c.throughout(namesakeTime, "the first keeps its name", func() error { return c.addresses(victim) })
		c.must(impostor.kill(), "kill the impostor")
		lone.depart(impostor, dead)
		c.agree(agreeTime)
	}
}
