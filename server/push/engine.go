package push

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// Options set how patient the engine is. Zero is the default.
type Options struct {
	// Delay is how long changes of a service are collected: 25 ms.
	Delay time.Duration
	// AckTimeout is how long a subscriber may take to acknowledge: 5 s.
	AckTimeout time.Duration
	// Retry is how long after a failure it is tried again: 1 s.
	Retry time.Duration
	// Enabled switches pushing off while it returns false. Nil: the switch that
	// operators know does.
	Enabled func() bool
	// Delivered is told of each acknowledged push, how long it took from the
	// change on. It must return at once.
	Delivered func(took time.Duration)
}

// Engine pushes. It is the registry's [registry.Observer].
type Engine struct {
	opts Options
	reg  *registry.Registry

	wake    chan struct{}
	ids     atomic.Uint64
	mu      sync.Mutex
	marked  map[*registry.Service]struct{}
	changes queue[change]
	again   queue[retried] // to be sent again
	acks    queue[await]
	fuzzy   watchers
	stats   counters
}

// change is a service that has changed, or a subscription that has begun.
type change struct {
	service *registry.Service
	sub     *Subscription
	at      time.Time
}

// retried is what was not acknowledged.
type retried interface{ again() }

// await is a push that is not acknowledged yet.
type await struct {
	to *Receiver
	id uint64
}

// New makes an engine. [Engine.Run] makes it work.
func New(reg *registry.Registry, o Options) *Engine {
	if o.Delay == 0 {
		o.Delay = 25 * time.Millisecond
	}
	if o.AckTimeout == 0 {
		o.AckTimeout = 5 * time.Second
	}
	if o.Retry == 0 {
		o.Retry = time.Second
	}
	if o.Enabled == nil {
		o.Enabled = reg.PushEnabled
	}
	if o.Delivered == nil {
		o.Delivered = func(time.Duration) {}
	}
	e := &Engine{opts: o, reg: reg, wake: make(chan struct{}, 1), marked: make(map[*registry.Service]struct{})}
	e.fuzzy.engine = e
	e.ids.Store(uint64(time.Now().UnixMilli())) // a late answer to an earlier life means nothing
	return e
}

// Changed marks a service.
func (e *Engine) Changed(s *registry.Service) {
	now := time.Now()
	e.mu.Lock()
	_, already := e.marked[s]
	if !already {
		e.marked[s] = struct{}{}
		e.changes.push(change{service: s, at: now}, now.Add(e.opts.Delay))
	}
	e.mu.Unlock()
	if !already {
		e.poke()
	}
}

// Added tells those who watch for services like that.
func (e *Engine) Added(key registry.ServiceKey) { e.fuzzy.changed(key, true) }

// Removed is the contrary of Added.
func (e *Engine) Removed(key registry.ServiceKey) { e.fuzzy.changed(key, false) }

// began has a new subscription sent its first list.
func (e *Engine) began(s *Subscription) {
	now := time.Now()
	e.mu.Lock()
	e.changes.push(change{sub: s, at: now}, now.Add(e.opts.Delay))
	e.mu.Unlock()
	e.poke()
}

func (e *Engine) poke() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends.
func (e *Engine) Run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, ok := e.step(time.Now())
		if !ok {
			next = time.Now().Add(time.Hour)
		}
		timer.Reset(time.Until(next))
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// step does what is due and returns when something will be.
func (e *Engine) step(now time.Time) (next time.Time, ok bool) {
	e.mu.Lock()
	changes := e.changes.due(now)
	for _, c := range changes {
		delete(e.marked, c.service) // what changes from now on counts anew
	}
	again := e.again.due(now)
	late := e.acks.due(now)
	for _, q := range []func() (time.Time, bool){e.changes.next, e.again.next, e.acks.next} {
		if t, has := q(); has && (!ok || t.Before(next)) {
			next, ok = t, true
		}
	}
	e.mu.Unlock()

	for _, c := range changes {
		if c.sub != nil {
			c.sub.renew(c.sub.service)
			c.sub.mark(c.at)
			continue
		}
		for _, sub := range c.service.Subscribers() {
			if s, ok := sub.(*Subscription); ok {
				s.renew(c.service) // a change may come before its own first list is due
				s.mark(c.at)
			}
		}
	}
	for _, s := range again {
		s.again()
	}
	for _, a := range late {
		a.to.expire(a.id)
	}
	return next, ok
}

// retry has something sent again after a while.
func (e *Engine) retry(s retried) {
	e.mu.Lock()
	e.again.push(s, time.Now().Add(e.opts.Retry))
	e.mu.Unlock()
	e.poke()
}

// expect has Receiver.expire called unless the push is acknowledged in time.
func (e *Engine) expect(r *Receiver, id uint64) {
	e.mu.Lock()
	first := e.acks.empty()
	e.acks.push(await{r, id}, time.Now().Add(e.opts.AckTimeout))
	e.mu.Unlock()
	if first {
		e.poke()
	}
}
