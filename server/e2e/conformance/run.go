package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// A runner goes through everything with all clients that can be had.
type runner struct {
	options
	dir     string // for this run: data and logs
	cache   string // for clients, kept
	started time.Time
	turns   chan struct{}
	names   []string // of the clients that work, in the table's order

	mu      sync.Mutex
	results []result
	absent  []absence
}

// An absence is a client that could not be had, and why.
type absence struct {
	Client string `json:"client"`
	Why    string `json:"why"`
}

// have builds all drivers at once, for most of it is waiting for registries, and
// returns those that work.
func (r *runner) have(ctx context.Context, wanted []Driver) (had []Driver, hello map[string]protocol.Hello) {
	hello = make(map[string]protocol.Hello)
	ready := make([]bool, len(wanted))
	var wg sync.WaitGroup
	for n, d := range wanted {
		wg.Go(func() {
			began := time.Now()
			h, err := r.build(ctx, d)
			switch {
			case errors.Is(err, ErrMissing):
				r.lacks(d.Name(), err)
			case err != nil:
				r.keep([]result{{Scenario: "build", Client: d.Name(), Outcome: failed, Why: err.Error(), Took: time.Since(began)}})
				r.progress("client %-12s FAILED %v", d.Name(), err)
			default:
				r.mu.Lock()
				ready[n], hello[d.Name()] = true, h
				r.mu.Unlock()
				r.progress("client %-12s %s %s, ready after %.1fs", d.Name(), h.Client, h.Version, time.Since(began).Seconds())
			}
		})
	}
	wg.Wait()
	for n, d := range wanted {
		if ready[n] {
			had = append(had, d)
			r.names = append(r.names, d.Name())
		}
	}
	return had, hello
}

// buildTime is how long it may take to have one client, with those whose tools
// have to wait for each other.
const buildTime = 15 * time.Minute

func (r *runner) build(ctx context.Context, d Driver) (h protocol.Hello, err error) {
	ctx, cancel := context.WithTimeout(ctx, buildTime)
	defer cancel()
	work := filepath.Join(r.cache, d.Name())
	if err := os.MkdirAll(work, 0o755); err != nil {
		return h, err
	}
	if err := d.Build(ctx, work); err != nil {
		return h, err
	}
	c, err := startClient(ctx, d, filepath.Join(r.dir, d.Name()+"-hello"))
	if err != nil {
		return h, err
	}
	c.End()
	return c.Hello, nil
}

// everything runs all there is at sites of all sizes at the same time: most of
// it is waiting.
func (r *runner) everything(ctx context.Context, binary string, had []Driver, hello map[string]protocol.Hello) error {
	gate := make(chan struct{}, r.parallel)
	errs := make([]error, len(r.servers)+1)
	var wg sync.WaitGroup
	for n, size := range r.servers {
		wg.Go(func() { errs[n] = r.at(ctx, binary, size, gate, had, hello) })
	}
	if r.clients == nil && r.wants(officialName) {
		wg.Go(func() { errs[len(r.servers)] = r.official(ctx, binary) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// at runs everything at a site of that many servers.
func (r *runner) at(ctx context.Context, binary string, size int, gate chan struct{}, had []Driver, hello map[string]protocol.Hello) error {
	site, err := newSite(ctx, binary, filepath.Join(r.dir, fmt.Sprintf("servers-%d", size)), size)
	if err != nil {
		return fmt.Errorf("%d servers: %w", size, err)
	}
	defer site.Close()
	var kinds []*Kind
	for _, d := range had {
		kinds = append(kinds, &Kind{Driver: d, Generation: hello[d.Name()].Generation, Site: site, dir: r.dir, turns: r.turns})
	}
	r.singles(ctx, gate, kinds)
	for _, k := range kinds {
		k.release()
	}
	if r.wants(sameName) || r.wants(seenName) {
		m := newMatrix(ctx, site, kinds)
		r.keep(m.same(r.say))
		r.keep(m.seen(r.say))
		m.close()
	}
	if r.wants(restartName) {
		r.keep(restart(ctx, site, kinds, r.say))
	}
	return ctx.Err()
}

// singles runs the scenarios that clients go through by themselves, several at
// a time: most of their time is waiting.
func (r *runner) singles(ctx context.Context, gate chan struct{}, kinds []*Kind) {
	var wg sync.WaitGroup
	for _, s := range scenarios {
		if !r.wants(s.Name) {
			continue
		}
		for _, k := range kinds {
			gate <- struct{}{}
			wg.Go(func() {
				defer func() { <-gate }()
				c := newCase(ctx, k, s.Name)
				began := time.Now()
				err := c.limit(s.Name)
				if err == nil {
					err = c.attempt(func() { s.Do(c) })
					c.close()
				}
				res := c.result(err, began)
				r.say(res)
				r.keep([]result{res})
			})
		}
	}
	wg.Wait()
}

// lacks notes a client that could not be had.
func (r *runner) lacks(name string, err error) {
	r.progress("client %-12s %v", name, err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.absent = append(r.absent, absence{name, err.Error()})
}

func (r *runner) keep(results []result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, results...)
}

// say shows one result as it comes.
func (r *runner) say(res result) { r.progress("%s", res) }

// progress writes a line to standard error.
func (r *runner) progress(format string, args ...any) {
	_, _ = fmt.Fprintf(os.Stderr, "%6.1fs  %s\n", time.Since(r.started).Seconds(), fmt.Sprintf(format, args...))
}
