package main

import (
	"errors"
	"strconv"

	"github.com/musterhq/muster/server/e2e/proc"
)

// persistent registers a server's own address, so that the check of its health
// finds somebody there.
func persistent(c *Case) {
	p := c.place("s")
	s := c.Site.Open.Servers[0]
	i := saying(lasting(instance(s.IP, s.HTTP)), map[string]string{"role": "main"})
	own := c.dial(c.Site.Open.Servers, login{})
	c.register(own, p, i)
	c.everywhere(c.Site.Open.Servers, p, i)
	c.lists(c.reader(), p, i)
	own.End()
	c.lists(c.reader(), p, i)
	i = weighing(i, 5)
	c.register(c.writer(), p, i)
	c.lists(c.reader(), p, i)
	c.deregister(c.writer(), p, i)
	c.everywhere(c.Site.Open.Servers, p)
}

// health has no check that would interfere: an operator says what is healthy.
func health(c *Case) {
	p := c.place("s")
	well, ill := lasting(instance("10.4.0.1", 8080)), lasting(instance("10.4.0.2", 8080))
	c.register(c.writer(), p, well)
	c.everywhere(c.Site.Open.Servers, p, well) // an operator's server must know of it
	c.unchecked(p)
	c.register(c.writer(), p, ill)
	c.everywhere(c.Site.Open.Servers, p, well, ill)
	w := c.subscribe(c.reader(), p)
	c.setHealth(p, well, true)
	c.setHealth(p, ill, false)
	ill = healthy(ill, false)
	c.told(w, "that one is unhealthy", well, ill)
	c.lists(c.reader(), p, well, ill)
	c.selects(c.reader(), p, true, well)
	c.selects(c.reader(), p, false, ill)
	c.setHealth(p, ill, true)
	c.told(w, "that it has recovered", well, healthy(ill, true))
}

// unchecked has nobody look how the persistent instances of a service are.
func (c *Case) unchecked(p Place) {
	q := p.query()
	for k, v := range map[string]string{
		"clusterName": "DEFAULT", "checkPort": "80", "useInstancePort4Check": "true", "healthChecker": `{"type":"NONE"}`,
	} {
		q.Set(k, v)
	}
	c.operate("PUT", "/nacos/v1/ns/cluster", q)
}

func (c *Case) setHealth(p Place, i Instance, healthy bool) {
	q := p.query()
	for k, v := range map[string]string{
		"clusterName": "DEFAULT", "ip": i.IP, "port": strconv.Itoa(i.Port), "healthy": strconv.FormatBool(healthy), "ephemeral": "false",
	} {
		q.Set(k, v)
	}
	c.operate("PUT", "/nacos/v1/ns/health/instance", q)
}

// crash kills a client's process. By gRPC its instance goes at once; by HTTP it
// is unhealthy 15 s after its last beat, and goes after 30 s.
func crash(c *Case) {
	p := c.place("s")
	mine, other := instance("10.4.0.3", 8080), instance("10.4.0.4", 8080)
	own := c.dial(c.Site.Open.Servers, login{})
	w := c.subscribe(c.reader(), p)
	c.register(c.reader(), p, other)
	c.register(own, p, mine)
	c.told(w, "of both", mine, other)
	own.Kill()
	if c.Generation == 1 {
		c.told(w, "that one is unhealthy", healthy(mine, false), other)
	}
	c.told(w, "that it is gone", other)
	c.lists(c.reader(), p, other)
}

// loggingIn is at servers that ask for a token.
func loggingIn(c *Case) {
	p := c.place("s")
	servers := c.Site.Guarded.Servers
	i := instance("10.4.0.5", 8080)
	right := c.dial(servers, login{user: adminUser, password: adminPassword})
	w := c.subscribe(right, p)
	c.until("register", func() error { return right.register(c.ctx, p, i) }) // a library may log in after connect
	c.told(w, "of an instance", i)
	c.lists(right, p, i)
	c.refused(servers, login{user: "stranger-" + c.Driver.Name(), password: "wrong"})
	c.deregister(right, p, i)
}

// refused makes sure that a client which may not register does not.
func (c *Case) refused(servers []*proc.Server, as login) {
	p := c.place("refused")
	cl, err := c.Kind.dial(c.ctx, servers, as)
	if errors.Is(err, errRefused) {
		return // some log in when they connect
	}
	c.must(err)
	defer cl.End()
	err = cl.register(c.ctx, p, instance("10.4.0.6", 8080))
	if err == nil {
		c.failf("a client with a wrong password has registered an instance")
	}
	if !errors.Is(err, errRefused) {
		c.must(err)
	}
}
