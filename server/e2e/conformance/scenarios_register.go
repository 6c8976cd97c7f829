package main

import "slices"

func register(c *Case) {
	p := c.place("s")
	i := saying(in(weighing(instance("10.1.0.1", 8080), 2.5), "EAST"), map[string]string{"zone": "a", "version": "1.2"})
	c.register(c.writer(), p, i)
	c.everywhere(c.Site.Open.Servers, p, i)
	c.lists(c.reader(), p, i)
	c.lists(c.writer(), p, i)
	got, err := c.reader().list(c.ctx, p)
	c.must(err)
	if len(got) != 1 || got[0].Service != p.Service {
		c.failf("the instance says that it belongs to another service: %+v", got)
	}
}

func reregister(c *Case) {
	p := c.place("s")
	i := saying(instance("10.1.0.2", 8080), map[string]string{"version": "1"})
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
	i = weighing(saying(i, map[string]string{"version": "2"}), 7)
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
	c.everywhere(c.Site.Open.Servers, p, i)
}

func batch(c *Case) {
	p := c.place("s")
	list := []Instance{
		instance("10.1.0.3", 8080), weighing(in(instance("10.1.0.3", 8081), "EAST"), 3),
		saying(instance("10.1.0.4", 8080), map[string]string{"zone": "b"}),
	}
	c.must(c.writer().batch(c.ctx, "batch", p, list...))
	c.lists(c.reader(), p, list...)
	c.everywhere(c.Site.Open.Servers, p, list...)
	fewer := slices.Clone(list[1:])
	c.must(c.writer().batch(c.ctx, "batch", p, fewer...))
	c.lists(c.reader(), p, fewer...)
}

func unbatch(c *Case) {
	p := c.place("s")
	a, b, gone := instance("10.1.0.12", 8080), instance("10.1.0.12", 8081), instance("10.1.0.12", 8082)
	c.must(c.writer().batch(c.ctx, "batch", p, a, b, gone))
	c.lists(c.reader(), p, a, b, gone)
	c.must(c.writer().batch(c.ctx, "batchDeregister", p, gone))
	c.lists(c.reader(), p, a, b)
	c.everywhere(c.Site.Open.Servers, p, a, b)
}

// deregister keeps one instance there: some libraries do not believe in a list
// that became empty.
func deregister(c *Case) {
	p := c.place("s")
	mine, other := instance("10.1.0.5", 8080), instance("10.1.0.6", 8080)
	c.register(c.writer(), p, mine)
	c.register(c.reader(), p, other)
	c.lists(c.reader(), p, mine, other)
	c.deregister(c.writer(), p, mine)
	c.lists(c.reader(), p, other)
	c.everywhere(c.Site.Open.Servers, p, other)
	c.deregister(c.reader(), p, other)
	c.everywhere(c.Site.Open.Servers, p)
}

// two instances of one client are both there if it speaks HTTP, where each
// instance stands for itself. By gRPC a connection has one registration per
// service, and the second replaces the first, as with Nacos.
func two(c *Case) {
	p := c.place("s")
	first, second := instance("10.1.0.7", 8080), instance("10.1.0.7", 8081)
	c.register(c.writer(), p, first)
	c.lists(c.reader(), p, first)
	c.register(c.writer(), p, second)
	if c.Generation == 1 {
		c.lists(c.reader(), p, first, second)
	} else {
		c.lists(c.reader(), p, second)
	}
	// Instances of two services do not touch each other.
	q := c.place("other")
	c.register(c.writer(), q, first)
	c.lists(c.reader(), q, first)
}

func weights(c *Case) {
	p := c.place("s")
	light, heavy := weighing(instance("10.1.0.8", 8080), 0.25), weighing(instance("10.1.0.9", 8080), 99.5)
	c.register(c.writer(), p, light)
	c.register(c.reader(), p, heavy)
	c.lists(c.reader(), p, light, heavy)
	c.lists(c.writer(), p, light, heavy)
}

func metadata(c *Case) {
	p := c.place("s")
	i := saying(instance("10.1.0.10", 8080), map[string]string{"a": "1", "b": "2"})
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
	i = saying(i, map[string]string{"b": "3", "c": "4"})
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
	i = saying(i, map[string]string{})
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
}

func characters(c *Case) {
	p := c.place("s")
	i := saying(instance("10.1.0.11", 8080), map[string]string{
		"quotes": `"'<>&\/`, "query": "a=1&b=2;c=%41+d?#,|", "lines": "one\r\n\ttwo", "spaces": "  in  and  around  ", "empty": "",
		"城市": "北京", "emoji": "🦆", "ümlaut.key-with_signs": "é", "json": `{"a":["b",{"c":null}]}`,
	})
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
}
