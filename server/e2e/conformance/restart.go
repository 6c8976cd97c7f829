package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// restartName is the scenario's name in the table.
const restartName = "restart"

// A survivor is one client library while its servers are killed and started
// again: one client with an instance, another that watches it.
type survivor struct {
	*Case
	w, r     *Client
	p        Place // of the instance that is changed, and watched
	watch    *Watch
	instance Instance
	kept     Place     // of one that is left alone: only the library registers it again
	q        Place     // of the persistent one
	lasting  *Instance // nil: the library has none
	known    int       // how often it was told something before
	began    time.Time
	err      error
}

// untouched is the instance that nobody registers twice.
var untouched = instance("10.5.0.3", 8080)

// forgotten is how long after a server's death its clients are no more listed,
// unless they have come to another: 5 s until it is noticed, 8 s of grace, and
// some more.
const forgotten = 15 * time.Second

// restart kills each server of the site and starts it again on the same ports.
// All kinds of clients go through it at the same time. Where there are other
// servers it stays down until the clients have gone to them; as clients choose
// their server themselves, each has lost the one that held it when all were
// down once.
func restart(ctx context.Context, site *Site, kinds []*Kind, say func(result)) []result {
	var all []*survivor
	for _, k := range kinds {
		s := &survivor{Case: newCase(ctx, k, restartName), began: time.Now()}
		s.patience = restartPatience
		all = append(all, s)
	}
	each := func(what string, do func(*survivor)) {
		var wg sync.WaitGroup
		for _, s := range all {
			if s.err == nil {
				wg.Go(func() {
					if s.err = s.attempt(func() { do(s) }); s.err != nil {
						s.err = fmt.Errorf("%s: %w", what, s.err)
					}
				})
			}
		}
		wg.Wait()
	}
	each("before", (*survivor).begin)
	servers := site.Open.Servers
	for n, s := range servers {
		s.Kill()
		died := time.Now()
		if rest := without(servers, n); len(rest) > 0 {
			each("while "+s.Name+" is down", func(v *survivor) {
				v.check(rest)
				time.Sleep(time.Until(died.Add(forgotten)))
				v.everywhere(rest, v.kept, untouched)
			})
		}
		err := s.Start()
		if err == nil {
			limited, cancel := context.WithTimeout(ctx, startTime)
			err = s.AwaitReady(limited)
			cancel()
		}
		each("a client that is new, after "+s.Name+" was killed and started again", func(v *survivor) {
			v.must(err)
			v.newcomer(servers)
		})
		each("after "+s.Name+" was killed and started again", func(v *survivor) {
			v.check(servers)
			v.everywhere(servers, v.kept, untouched)
		})
	}
	each("at the end", (*survivor).end)
	var out []result
	for _, s := range all {
		s.close()
		r := s.result(s.err, s.began)
		say(r)
		out = append(out, r)
	}
	return out
}

func without(servers []*proc.Server, n int) []*proc.Server {
	var rest []*proc.Server
	for i, s := range servers {
		if i != n {
			rest = append(rest, s)
		}
	}
	return rest
}

func (s *survivor) begin() {
	servers := s.Site.Open.Servers
	s.p, s.kept, s.q = s.place("s"), s.place("kept"), s.place("persistent")
	s.w, s.r = s.dial(servers, login{}), s.dial(servers, login{})
	s.instance = instance("10.5.0.1", 8080)
	s.watch = s.subscribe(s.r, s.p)
	s.register(s.w, s.p, s.instance)
	s.told(s.watch, "of an instance", s.instance)
	s.known = s.watch.Times()
	s.register(s.w, s.kept, untouched)
	s.everywhere(servers, s.kept, untouched)
	if s.limit("persistent") == nil {
		i := lasting(instance("10.5.0.2", 8080))
		s.register(s.w, s.q, i)
		s.everywhere(servers, s.q, i)
		s.unchecked(s.q)
		s.lasting = &i
	}
}

// check waits until those servers list the instance, and until a change by the
// one client is told to the other.
func (s *survivor) check(servers []*proc.Server) {
	s.everywhere(servers, s.p, s.instance)
	s.instance.Weight++
	s.until("register", func() error { return s.w.register(s.ctx, s.p, s.instance) })
	s.told(s.watch, "of a change", s.instance)
	s.everywhere(servers, s.p, s.instance)
	if s.lasting != nil {
		s.everywhere(servers, s.q, *s.lasting)
	}
	for _, list := range s.watch.Since(s.known) {
		if len(list) == 0 {
			s.failf("the subscriber was told an empty list")
		}
	}
}

// newcomer comes while others may be on their way back: where it is told to come
// again it does, and it ends with what all have.
func (s *survivor) newcomer(servers []*proc.Server) {
	c := s.dial(servers, login{})
	var w *Watch
	s.until("subscribe", func() (err error) {
		w, err = c.subscribe(s.ctx, s.p)
		return err
	})
	s.told(w, "what was there", s.instance)
	s.lists(c, s.p, s.instance)
	c.End()
}

func (s *survivor) end() {
	if s.lasting != nil {
		s.deregister(s.w, s.q, *s.lasting)
		s.everywhere(s.Site.Open.Servers, s.q)
	}
	s.deregister(s.w, s.kept, untouched)
	s.everywhere(s.Site.Open.Servers, s.kept)
	s.deregister(s.w, s.p, s.instance)
	s.everywhere(s.Site.Open.Servers, s.p)
}
