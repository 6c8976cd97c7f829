package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/bench/peers"
)

// A crowd is the clients of one contender in one cell, each with a connection
// of its own. They stay connected from round to round.
type crowd struct {
	label   string
	system  peers.System
	clients []*caller
}

// A caller is one client.
type caller struct {
	peers.Client
	next, step uint64
	done       []uint64        // what it has done and not undone
	calls      int             // in this round, also those that do not count
	took       []time.Duration // those that do
}

// base keeps what the loads of one run do apart.
var base atomic.Uint64

// gather connects so many clients, the first of them to server first.
func gather(ctx context.Context, c contender, clients, first int) (*crowd, error) {
	g := &crowd{label: c.label, system: c.system}
	from := base.Add(1 << 28)
	for i := range clients {
		conn, err := c.dial(ctx, first+i, clients)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: client %d: %w", c.label, i, err), g.close())
		}
		g.clients = append(g.clients, &caller{Client: conn, next: from + uint64(i), step: uint64(clients)})
	}
	return g, nil
}

func (g *crowd) close() error {
	var errs []error
	for _, c := range g.clients {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// A sample is what a round came to.
type sample struct {
	Rate     float64 `json:"rate"` // a second
	P50, P99 float64 // ms
	CPU      float64 // of all servers together, us for each call
	Own      float64 // the same of the clients
}

// drive has all clients do one thing after the other, for warm and then for d,
// which counts. With undo they take back what they have done, and end early
// when nothing is left.
func (g *crowd) drive(ctx context.Context, warm, d time.Duration, undo bool) (sample, error) {
	begin := time.Now().Add(warm)
	end := begin.Add(d)
	before, err := peers.CPU(g.system.PIDs())
	if err != nil {
		return sample{}, err
	}
	ownBefore, err := peers.CPU([]int{os.Getpid()})
	if err != nil {
		return sample{}, err
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed error
	)
	for _, c := range g.clients {
		wg.Go(func() {
			if err := c.run(ctx, begin, end, undo); err != nil {
				mu.Lock()
				failed = errors.Join(failed, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if failed != nil {
		return sample{}, fmt.Errorf("%s: %w", g.label, failed)
	}
	after, err := peers.CPU(g.system.PIDs())
	if err != nil {
		return sample{}, err
	}
	ownAfter, err := peers.CPU([]int{os.Getpid()})
	if err != nil {
		return sample{}, err
	}
	var all []time.Duration
	calls := 0
	for _, c := range g.clients {
		all, calls = append(all, c.took...), calls+c.calls
	}
	if len(all) == 0 {
		return sample{}, fmt.Errorf("%s: nothing was done in %v", g.label, d)
	}
	s := sample{Rate: float64(len(all)) / min(d, time.Since(begin)).Seconds()}
	s.CPU = float64((after - before).Microseconds()) / float64(calls)
	s.Own = float64((ownAfter - ownBefore).Microseconds()) / float64(calls)
	s.P50, s.P99 = quantiles(all)
	return s, nil
}

// run calls until end, and notes how long each call took that was begun and
// ended in the time that counts.
func (c *caller) run(ctx context.Context, begin, end time.Time, undo bool) error {
	c.took, c.calls = c.took[:0], 0
	now := time.Now()
	for now.Before(end) && ctx.Err() == nil {
		var err error
		if undo {
			if len(c.done) == 0 {
				return nil
			}
			last := len(c.done) - 1
			err = c.Undo(c.done[last])
			c.done = c.done[:last]
		} else {
			err = c.Do(c.next)
			if c.Undo != nil {
				c.done = append(c.done, c.next)
			}
			c.next += c.step
		}
		if err != nil {
			return err
		}
		c.calls++
		after := time.Now()
		if now.After(begin) && after.Before(end) {
			c.took = append(c.took, after.Sub(now))
		}
		now = after
	}
	return ctx.Err()
}

// quantiles returns the median and the 99th percentile in milliseconds.
func quantiles(all []time.Duration) (p50, p99 float64) {
	slices.Sort(all)
	at := func(q float64) float64 {
		return float64(all[int(q*float64(len(all)-1))].Microseconds()) / 1000
	}
	return at(0.5), at(0.99)
}

func median(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(all))
	if len(s)%2 == 1 {
		return s[len(s)/2]
	}
	return (s[len(s)/2-1] + s[len(s)/2]) / 2
}
