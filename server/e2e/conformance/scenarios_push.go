package main

import (
	"fmt"
	"slices"
	"time"
)

// atOnce is less than any client waits before it asks by itself.
const atOnce = 2 * time.Second

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

// A change is told at once, not when a client asks again: those of 1.x ask every
// 10 s if they are pushed to by UDP, else more often. Of some changes the one in
// the middle counts, as a push by UDP may be lost, or the machine be busy.
func prompt(c *Case) {
	p := c.place("s")
	i := instance("10.3.0.6", 8080)
	w := c.subscribe(c.reader(), p)
	c.register(c.writer(), p, i)
	c.told(w, "of an instance", i)
	var took []time.Duration
	for n := range 5 {
		i = weighing(i, float64(n+2))
		c.register(c.writer(), p, i)
		done := time.Now()
		c.told(w, "of a change", i)
		took = append(took, time.Since(done).Round(time.Millisecond))
	}
	if slices.Sort(took); took[len(took)/2] > atOnce {
		c.failf("told of changes after %v", took)
	}
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

// serverForgets is the part of unsubscribe that is between library and server.
const serverForgets = "unsubscribe at the server"

// unsubscribe has another subscriber, to know when the change was told.
func unsubscribe(c *Case) {
	p := c.place("s")
	i := instance("10.3.0.4", 8080)
	gone, stays := c.subscribe(c.reader(), p), c.subscribe(c.writer(), p)
	c.register(c.writer(), p, i)
	c.told(gone, "of an instance", i)
	c.told(stays, "of an instance", i)
	c.must(c.reader().unsubscribe(c.ctx, p))
	if c.Generation > 1 && c.limit(serverForgets) == nil { // by HTTP a subscription lasts until it is not renewed
		c.subscribers(p, 1)
	}
	before := gone.Times()
	c.register(c.writer(), p, weighing(i, 3))
	c.told(stays, "of a change", weighing(i, 3))
	time.Sleep(quiet) // for what must not come there is no condition
	if later := gone.Since(before); len(later) > 0 {
		c.failf("told %d times after it unsubscribed: %s", len(later), show(lines(later[0], nil)))
	}
	// Some libraries go on keeping the list, and tell only what is news to them.
	again := c.subscribe(c.reader(), p)
	c.register(c.writer(), p, weighing(i, 5))
	c.told(again, "of a change, as it subscribes again", weighing(i, 5))
}

// subscribers waits until a server knows of so many for a service, with those at
// other servers.
func (c *Case) subscribers(p Place, want int) {
	q := p.query()
	q.Set("pageNo", "1")
	q.Set("pageSize", "10")
	c.until("subscribers", func() error {
		var page struct{ Count int }
		if err := get(c.ctx, c.Site.Open.Servers[0], "/nacos/v1/ns/service/subscribers", q, &page); err != nil {
			return err
		}
		if page.Count != want {
			return fmt.Errorf("the server knows %d instead of %d", page.Count, want)
		}
		return nil
	})
}

// fuzzy watches all services of a group: one that is there, and one that comes.
func fuzzy(c *Case) {
	group := "watched-" + c.Driver.Name()
	before, after := Place{Service: c.name("before"), Group: group}, Place{Service: c.name("after"), Group: group}
	i := instance("10.3.0.5", 8080)
	c.register(c.writer(), before, i)
	c.everywhere(c.Site.Open.Servers, before, i)
	_, err := c.reader().Call(c.ctx, Place{Service: "*", Group: group}.request("fuzzyWatch"))
	c.must(err)
	c.register(c.writer(), after, i)
	for _, p := range []Place{before, after} {
		c.until("fuzzy watch", func() error {
			if !c.reader().fuzzyTold(p, "ADD_SERVICE") {
				return fmt.Errorf("not told of %s", p.Service)
			}
			return nil
		})
	}
}
