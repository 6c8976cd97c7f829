package push

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// A Sink is the way to one client.
type Sink interface {
	// Render makes what is sent to one who is subscribed with that query.
	// The bytes may be shared, and must not be changed.
	Render(v *registry.View, q registry.Query) []byte
	// Send sends one push. It may block while the client is slow: nobody else
	// waits for it. An error means that the client is gone.
	Send(id uint64, key registry.ServiceKey, body []byte) error
	// SendWatch sends one message about watched services.
	SendWatch(id uint64, m WatchMessage) error
}

// ErrClosed says that the receiver was closed.
var ErrClosed = errors.New("push: receiver is closed")

// A Receiver is one client with all it is subscribed to.
type Receiver struct {
	engine  *Engine
	sink    Sink
	retries int  // how often an unacknowledged push is sent again; below zero: until the end
	inTurn  bool // the next list of a service waits until the last one is acknowledged

	mu      sync.Mutex
	closed  bool
	working bool
	subs    map[subKey]*Subscription
	marked  []*Subscription // in order of their marks
	open    map[uint64]job  // what is not acknowledged
	watches map[string]*watch
	ready   []*watch
}

// job is something that was sent and waits to be acknowledged.
type job interface {
	acked(r *Receiver, id uint64, ok bool) // with r.mu held
}

type subKey struct {
	service  registry.ServiceKey
	clusters string
}

// NewReceiver makes a receiver for a client that nothing sent to is lost on the
// way to. A list is sent to it once it has acknowledged the one before of the
// same service, or has had the time to: libraries that take in each push in a
// task of its own, as the one for Rust does, may otherwise end with the older.
func (e *Engine) NewReceiver(sink Sink) *Receiver {
	return &Receiver{engine: e, sink: sink, retries: -1, inTurn: true, open: make(map[uint64]job)}
}

// NewLossyReceiver makes a receiver for a client to which a push may be lost. A
// list does not wait for the one before to be acknowledged. retries bounds how
// often the same push is tried again.
func (e *Engine) NewLossyReceiver(sink Sink, retries int) *Receiver {
	return &Receiver{engine: e, sink: sink, retries: retries, open: make(map[uint64]job)}
}

// A Subscription is one service that a receiver is told of.
type Subscription struct {
	to      *Receiver
	service *registry.Service
	query   registry.Query
	info    registry.SubscriberInfo
	// began is the clock when it began, until it is told of the first list: none
	// that another server has given its client is later.
	began atomic.Uint64

	// Guarded by to.mu.
	removed bool
	waiting bool      // in to.marked
	next    bool      // it has changed since what is open was sent, which is waited for
	since   time.Time // of the oldest change that is not sent; zero: none
	sent    uint64    // id of what is open, zero if nothing is
	change  time.Time // since, of what is open
	tries   int
}

// Info says who it is.
func (s *Subscription) Info() registry.SubscriberInfo { return s.info }

// Subscribe subscribes the receiver to a service, and has it sent the list.
// Doing so again has the list sent again.
func (r *Receiver) Subscribe(key registry.ServiceKey, q registry.Query, info registry.SubscriberInfo, limit int) error {
	info.Clusters = q.Clusters
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	k := subKey{key, q.Clusters}
	s := r.subs[k]
	if s == nil {
		if len(r.subs) >= limit {
			n := len(r.subs)
			r.mu.Unlock()
			return fmt.Errorf("%w: %d subscriptions", registry.ErrLimit, n)
		}
		s = &Subscription{to: r, query: q, info: info}
		s.began.Store(r.engine.reg.Clock())
		service, err := r.engine.reg.Subscribe(key, s)
		if err != nil {
			r.mu.Unlock()
			return err
		}
		s.service = service
		if r.subs == nil {
			r.subs = make(map[subKey]*Subscription)
		}
		r.subs[k] = s
	}
	s.began.Store(r.engine.reg.Clock())
	r.mu.Unlock()
	r.engine.began(s)
	return nil
}

// renew makes the first list that a new subscription is sent later than any that
// its client may have.
func (s *Subscription) renew(service *registry.Service) {
	if t := s.began.Swap(0); t > 0 {
		service.Renew(t)
	}
}

// Unsubscribe ends a subscription, if there is one.
func (r *Receiver) Unsubscribe(key registry.ServiceKey, clusters string) {
	r.mu.Lock()
	k := subKey{key, clusters}
	s := r.subs[k]
	if s != nil {
		delete(r.subs, k)
		r.drop(s)
	}
	r.mu.Unlock()
	if s != nil {
		s.service.Unsubscribe(s)
	}
}

// drop: the caller holds r.mu.
func (r *Receiver) drop(s *Subscription) {
	s.removed = true
	delete(r.open, s.sent)
	s.sent = 0
}

// Subscribed reports whether the receiver is subscribed to that.
func (r *Receiver) Subscribed(key registry.ServiceKey, clusters string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.subs[subKey{key, clusters}]
	return ok
}

// Subscriptions returns what the receiver is subscribed to.
func (r *Receiver) Subscriptions() []registry.ServiceKey {
	r.mu.Lock()
	defer r.mu.Unlock()
	keys := make([]registry.ServiceKey, 0, len(r.subs))
	for k := range r.subs {
		keys = append(keys, k.service)
	}
	return keys
}

// Close ends all subscriptions. Nothing is sent after it, but what is just
// being sent.
func (r *Receiver) Close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	subs := r.subs
	watches := r.watches
	r.subs, r.open, r.marked, r.watches, r.ready = nil, nil, nil, nil, nil
	for _, s := range subs {
		s.removed = true
	}
	r.mu.Unlock()
	for _, s := range subs {
		s.service.Unsubscribe(s)
	}
	for _, w := range watches {
		r.engine.fuzzy.remove(w)
	}
}

// Ack takes in the client's answer to a push. ok is false if the client could
// not use it.
func (r *Receiver) Ack(id uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if j := r.open[id]; j != nil {
		delete(r.open, id)
		j.acked(r, id, ok)
	}
}

// expire is Ack for those who do not answer.
func (r *Receiver) expire(id uint64) { r.Ack(id, false) }

func (s *Subscription) acked(r *Receiver, id uint64, ok bool) {
	if s.sent != id || s.removed {
		return
	}
	s.sent = 0
	if ok {
		s.tries = 0
		r.engine.delivered(s.change)
	} else {
		r.engine.stats.failed.Add(1)
		if r.retries >= 0 && s.tries > r.retries {
			s.tries = 0 // it asks again itself
			return
		}
		s.since = s.change
	}
	switch {
	case s.next:
		s.next = false
		s.line(r)
	case !ok:
		r.engine.retry(s)
	}
}

// again has the list sent as it is by now, unless it was since it failed.
func (s *Subscription) again() {
	s.to.mu.Lock()
	since := s.since
	s.to.mu.Unlock()
	if !since.IsZero() {
		s.mark(since)
	}
}

// mark has the subscription sent the list as it is.
func (s *Subscription) mark(since time.Time) {
	r := s.to
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.removed || s.waiting || r.closed {
		return
	}
	if s.since.IsZero() {
		s.since = since
	}
	s.line(r)
}

// line puts the subscription into the line of what is to be sent. The caller
// holds r.mu.
func (s *Subscription) line(r *Receiver) {
	s.waiting = true
	r.marked = append(r.marked, s)
	r.work()
}

// work starts the receiver's goroutine if it has none. The caller holds r.mu.
func (r *Receiver) work() {
	if !r.working {
		r.working = true
		go r.run()
	}
}

// run sends until there is nothing left.
func (r *Receiver) run() {
	for {
		send := r.take()
		if send == nil {
			return
		}
		if err := send(); err != nil {
			r.Close()
		}
	}
}

// take returns what is to be sent next, nil if there is nothing. The
// goroutine ends then.
func (r *Receiver) take() func() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.marked) > 0 {
		s := r.marked[0]
		r.marked[0] = nil
		r.marked = r.marked[1:]
		s.waiting = false
		if s.removed {
			continue
		}
		if s.sent != 0 && r.inTurn {
			s.next = true
			continue
		}
		return func() error { return r.send(s) }
	}
	for len(r.ready) > 0 {
		w := r.ready[0]
		if m, ok := w.take(r); ok {
			return func() error { return r.sendWatch(w, m) }
		}
		r.ready[0] = nil
		r.ready = r.ready[1:]
	}
	r.marked, r.ready = nil, nil
	r.working = false
	return nil
}

func (r *Receiver) send(s *Subscription) error {
	v := s.service.View()
	if !r.engine.opts.Enabled() || v.Unverified {
		// What this server has not verified reaches nobody. The registry marks
		// all services once it has.
		return nil
	}
	body := r.sink.Render(v, s.query)
	id := r.engine.ids.Add(1)
	r.mu.Lock()
	if s.removed || r.closed {
		r.mu.Unlock()
		return nil
	}
	delete(r.open, s.sent) // it is out of date
	s.sent, s.change, s.since = id, s.since, time.Time{}
	s.tries++
	r.open[id] = s
	r.mu.Unlock()
	r.engine.expect(r, id)
	r.engine.stats.sent.Add(1)
	if len(v.Hosts) == 0 {
		r.engine.stats.empty.Add(1)
	}
	return r.sink.Send(id, v.Service, body)
}
