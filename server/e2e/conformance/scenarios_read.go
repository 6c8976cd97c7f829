package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// selection disables one of two instances: a server does not list it, and no
// library selects it.
func selection(c *Case) {
	p := c.place("s")
	on, off := instance("10.2.0.1", 8080), disabled(instance("10.2.0.2", 8080))
	c.register(c.writer(), p, on)
	c.register(c.reader(), p, off)
	c.everywhere(c.Site.Open.Servers, p, on)
	c.selects(c.reader(), p, true, on)
	c.selects(c.reader(), p, false)
	off.Enabled = true
	c.register(c.reader(), p, off)
	c.selects(c.reader(), p, true, on, off)
}

// selects waits until the client selects these.
func (c *Case) selects(cl *Client, p Place, healthy bool, want ...Instance) {
	c.until(fmt.Sprintf("select healthy=%t", healthy), func() error {
		got, err := cl.selected(c.ctx, p, healthy)
		if err != nil {
			return err
		}
		return same(got, want)
	})
}

// selectOne is asked so often that it would show if it took the disabled one.
func selectOne(c *Case) {
	p := c.place("s")
	on, off := instance("10.2.0.3", 8080), disabled(instance("10.2.0.4", 8080))
	c.register(c.writer(), p, on)
	c.register(c.reader(), p, off)
	c.everywhere(c.Site.Open.Servers, p, on)
	for range 10 {
		c.until("select one", func() error {
			got, err := c.reader().one(c.ctx, p)
			if err != nil {
				return err
			}
			if got == nil {
				return fmt.Errorf("got none")
			}
			return same([]Instance{*got}, []Instance{on})
		})
	}
}

func namespaces(c *Case) {
	id := "space-" + strings.ReplaceAll(c.Driver.Name(), ".", "-") // a dot is not allowed in one
	c.operate("POST", "/nacos/v1/console/namespaces", url.Values{"customNamespaceId": {id}, "namespaceName": {id}})
	p := c.place("s")
	public, private := instance("10.2.0.5", 8080), instance("10.2.0.6", 8080)
	inside := c.dial(c.Site.Open.Servers, login{namespace: id})
	c.register(inside, p, private)
	c.register(c.writer(), p, public)
	c.lists(c.reader(), p, public)
	c.lists(inside, p, private)
	c.everywhere(c.Site.Open.Servers, p, public)
}

func groups(c *Case) {
	a, b := Place{Service: c.name("s"), Group: "A"}, Place{Service: c.name("s"), Group: "B"}
	one, other := instance("10.2.0.7", 8080), instance("10.2.0.8", 8080)
	w := c.subscribe(c.reader(), a) // first: some libraries do not tell what they know already
	c.register(c.writer(), a, one)
	c.register(c.writer(), b, other)
	c.told(w, "the group's instances", one)
	c.lists(c.reader(), a, one)
	c.lists(c.reader(), b, other)
	c.register(c.writer(), b, weighing(other, 2))
	c.lists(c.reader(), b, weighing(other, 2))
	c.told(w, "nothing of the other group", one)
}

func clusters(c *Case) {
	p := c.place("s")
	east, west := in(instance("10.2.0.9", 8080), "EAST"), in(instance("10.2.0.10", 8080), "WEST")
	within := func(clusters ...string) Place { return Place{Service: p.Service, Clusters: clusters} }
	w := c.subscribe(c.reader(), within("EAST")) // first: some libraries do not tell what they know already
	c.register(c.writer(), p, east)
	c.register(c.reader(), p, west)
	c.told(w, "its cluster's instances", east)
	c.lists(c.reader(), p, east, west)
	c.lists(c.reader(), within("EAST"), east)
	c.lists(c.reader(), within("WEST"), west)
	c.lists(c.reader(), within("EAST", "WEST"), east, west)
	c.register(c.writer(), p, weighing(east, 2))
	c.told(w, "a change in its cluster", weighing(east, 2))
}

// services asks for pages of two of five.
func services(c *Case) {
	group := "pages-" + c.Driver.Name()
	var want []string
	for n := range 5 {
		p := Place{Service: fmt.Sprintf("%s-%d", c.name("s"), n), Group: group}
		c.register(c.writer(), p, instance("10.2.0.11", 8080+n))
		want = append(want, p.Service)
	}
	c.until("pages of services", func() error {
		var got []string
		for page, size := range map[int]int{1: 2, 2: 2, 3: 1, 4: 0} {
			s, err := c.reader().services(c.ctx, group, page, 2)
			if err != nil {
				return err
			}
			if s.Count != 5 || len(s.Services) != size {
				return fmt.Errorf("page %d: %+v", page, s)
			}
			got = append(got, s.Services...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("got %v, want %v", got, want)
		}
		return nil
	})
}

func status(c *Case) {
	c.until("status", func() error {
		got, err := c.reader().status(c.ctx)
		if err == nil && got != "UP" {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
}

// quiet is how long one waits to see that nothing comes. Pushes take some
// 30 ms.
const quiet = 2 * time.Second
