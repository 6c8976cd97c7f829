package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// How long a case waits for what is to come about. A 1.x client that misses a
// push by UDP asks again after 10 s. After a restart there are clients that look
// every 5 s whether their server is there, and every 30 s whether there is
// something to register again.
const (
	patience        = 45 * time.Second
	restartPatience = 90 * time.Second
)

// A Case is one scenario with one client library at one site. Its methods end
// it where it fails, as those of a testing.T do.
type Case struct {
	*Kind
	ctx      context.Context
	scenario string
	patience time.Duration
	dialed   []*Client
}

func newCase(ctx context.Context, k *Kind, scenario string) *Case {
	return &Case{Kind: k, ctx: ctx, scenario: scenario, patience: patience}
}

type failure struct{ error }

func (c *Case) failf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

func (c *Case) must(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// attempt does something and returns how it failed.
func (c *Case) attempt(do func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.error
		}
	}()
	do()
	return nil
}

// close ends the case's own clients.
func (c *Case) close() {
	for _, d := range c.dialed {
		d.End()
	}
}

// limit returns why the library cannot do what a scenario is about, if so.
func (c *Case) limit(scenario string) error {
	if l, ok := c.Driver.(Limited); ok && l.Limits()[scenario] != "" {
		return fmt.Errorf("%w: %s", errUnsupported, l.Limits()[scenario])
	}
	return nil
}

// name makes a name that no other case uses.
func (c *Case) name(what string) string { return c.scenario + "." + what + "." + c.Driver.Name() }

// place is a service that no other case uses, in the default group.
func (c *Case) place(what string) Place { return Place{Service: c.name(what)} }

// writer and reader are the two clients that cases share.
func (c *Case) writer() *Client { return c.shared(0) }
func (c *Case) reader() *Client { return c.shared(1) }

func (c *Case) shared(n int) *Client {
	cl, err := c.Kind.shared(c.ctx, n)
	c.must(err)
	return cl
}

// dial starts a client of this case's own, which ends with it.
func (c *Case) dial(servers []*proc.Server, as login) *Client {
	cl, err := c.Kind.dial(c.ctx, servers, as)
	c.must(err)
	c.dialed = append(c.dialed, cl)
	return cl
}

func (c *Case) register(cl *Client, p Place, i Instance)   { c.must(cl.register(c.ctx, p, i)) }
func (c *Case) deregister(cl *Client, p Place, i Instance) { c.must(cl.deregister(c.ctx, p, i)) }

func (c *Case) subscribe(cl *Client, p Place) *Watch {
	w, err := cl.subscribe(c.ctx, p)
	c.must(err)
	return w
}

// told waits until a subscriber is told this list, see [Watch.await].
func (c *Case) told(w *Watch, what string, want ...Instance) {
	if err := w.await(c.patience, want); err != nil {
		c.failf("the subscriber is not told %s: %w", what, err)
	}
}

// until waits for something to come true.
func (c *Case) until(what string, try func() error) {
	deadline := time.Now().Add(c.patience)
	for {
		err := try()
		if err == nil {
			return
		}
		if errors.Is(err, errUnsupported) || errors.Is(err, errGone) || c.ctx.Err() != nil {
			c.must(err)
		}
		if time.Now().After(deadline) {
			c.failf("%s: %w", what, err)
		}
		select {
		case <-c.ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// lists waits until the client lists this, and no more.
func (c *Case) lists(cl *Client, p Place, want ...Instance) {
	c.until("list", func() error {
		got, err := cl.list(c.ctx, p)
		if err != nil {
			return err
		}
		return same(got, want)
	})
}

// everywhere waits until each of those servers, asked by plain HTTP, lists this
// and no more.
func (c *Case) everywhere(servers []*proc.Server, p Place, want ...Instance) {
	for _, s := range servers {
		c.until(s.Name+" lists", func() error {
			got, err := hosts(c.ctx, s, p)
			if err != nil {
				return err
			}
			return same(got, want)
		})
	}
}

// operate does what an operator would, by HTTP.
func (c *Case) operate(method, path string, q url.Values) {
	c.must(operate(c.ctx, c.Site.Open.Servers[0], method, path, q))
}
