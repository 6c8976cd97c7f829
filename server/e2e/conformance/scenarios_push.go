package main

import "time"

func subscribe(c *Case) {
	p := c.place("s")
	mine, other := instance("10.3.0.1", 8080), instance("10.3.0.2", 8080)
	w := c.subscribe(c.reader(), p)
	c.register(c.writer(), p, mine)
	c.told(w, "of an instance", mine)
	mine = weighing(saying(mine, map[string]string{"now": "other"}), 4)
	c.register(c.writer(), p, mine)
	c.told(w, "of its change", mine)
	c.register(c.reader(), p, other)
	c.told(w, "of another instance", mine, other)
	c.deregister(c.writer(), p, mine)
	c.told(w, "that one is gone", other)
	late := c.subscribe(c.writer(), p)
	c.told(late, "what is there, as it comes late", other)
}

func last(c *Case) {
	p := c.place("s")
	i := instance("10.3.0.3", 8080)
	w := c.subscribe(c.reader(), p)
	c.register(c.writer(), p, i)
	c.told(w, "of an instance", i)
	c.deregister(c.writer(), p, i)
	c.told(w, "that there is none")
	c.lists(c.reader(), p)
	c.register(c.writer(), p, i)
	c.told(w, "that it is back", i)
}

// unsubscribe has another subscriber, to know when the change was told.
func unsubscribe(c *Case) {
	p := c.place("s")
	i := instance("10.3.0.4", 8080)
	gone, stays := c.subscribe(c.reader(), p), c.subscribe(c.writer(), p)
	c.register(c.writer(), p, i)
	c.told(gone, "of an instance", i)
	c.told(stays, "of an instance", i)
	c.must(c.reader().unsubscribe(c.ctx, p))
	before := gone.Times()
	c.register(c.writer(), p, weighing(i, 3))
	c.told(stays, "of a change", weighing(i, 3))
	time.Sleep(quiet) // for what must not come there is no condition
	if later := gone.Since(before); len(later) > 0 {
		c.failf("told %d times after it unsubscribed: %s", len(later), show(lines(later[0], nil)))
	}
	again := c.subscribe(c.reader(), p)
	c.told(again, "what is there, as it subscribes again", weighing(i, 3))
}
