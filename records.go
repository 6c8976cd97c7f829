package muster

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/record"
)

// Records is what the members say about themselves: each owns a map of keys,
// only it writes there, and all others come to have the same copy. It is for
// what can be made anew when its owner is gone: a member's records vanish when
// it is forgotten, some time after its death ([Config.GossipToTheDead]). Only
// muster members take part. docs/records.md has the rules and the costs.
type Records struct{ p *plane }

// Records returns the node's part in the records of the cluster.
func (n *Node) Records() Records { return Records{&n.plane} }

// Record is one key of one member's. Value is shared: do not write to it.
type Record struct {
	Owner, Key string
	Value      []byte
	Version    uint64 // counts the owner's changes; meaningful within its process
}

// RecordEvent is one change. Value is nil for a deletion, Old when there was
// none before.
type RecordEvent struct {
	Record
	Old     []byte
	Deleted bool
}

// Errors of records, which leave everything as it was.
var (
	ErrKey  = record.ErrKey  // the key, or the topic, is empty or too long
	ErrFull = record.ErrFull // Config.Records' bounds are reached
)

// Set gives one of this node's keys a value: a key has 1 to 1,024 bytes, a value
// up to 1 MiB. With a ttl above zero the key is deleted when that is over unless
// it is set or touched before; only the owner counts it. To set what is there
// already costs nothing and sends nothing.
func (r Records) Set(key string, value []byte, ttl time.Duration) (err error) {
	if strings.HasPrefix(key, reserved) {
		return fmt.Errorf("record %q: %w: %w", key, ErrKey, errReserved)
	}
	if e := r.p.do(func(now time.Time) { err = r.p.core.Set(now, key, value, ttl) }); e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("record %q: %w", key, ours(err))
	}
	return nil
}

// ours makes the errors that this package has, too, out of the core's.
func ours(err error) error {
	if errors.Is(err, record.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// Touch starts the time to live of one of this node's keys again, without any
// traffic. It reports whether the key has a value.
func (r Records) Touch(key string, ttl time.Duration) (ok bool) {
	err := r.p.do(func(now time.Time) { ok = !strings.HasPrefix(key, reserved) && r.p.core.Touch(now, key, ttl) })
	return ok && err == nil
}

// Delete takes one of this node's keys away, and reports whether it had a value.
func (r Records) Delete(key string) (ok bool) {
	err := r.p.do(func(now time.Time) { ok = !strings.HasPrefix(key, reserved) && r.p.core.Delete(now, key) })
	return ok && err == nil
}

// Get returns the value of a key of a member's, this node's own included.
func (r Records) Get(owner, key string) (value []byte, ok bool) {
	if err := r.p.do(func(time.Time) { value, ok = r.p.core.Get(owner, key) }); err != nil {
		return nil, false
	}
	return value, ok && !strings.HasPrefix(key, reserved)
}

// List returns a member's records whose keys begin with prefix, sorted by key.
func (r Records) List(owner, prefix string) (list []Record) {
	if err := r.p.do(func(time.Time) { list = r.p.list(owner, prefix) }); err != nil {
		return nil
	}
	return list
}

// Owners returns the names of the members that records are known of, dead ones
// included until they are forgotten.
func (r Records) Owners() (names []string) {
	if err := r.p.do(func(time.Time) {
		for name := range r.p.core.Owners {
			names = append(names, name)
		}
	}); err != nil {
		return nil
	}
	return names
}

// Stats returns the counters and gauges of the records, zero if there are none.
func (r Records) Stats() (s record.Stats) {
	if !r.p.used.Load() {
		return s
	}
	if err := r.p.do(func(time.Time) { s = r.p.core.Stats() }); err != nil {
		return record.Stats{}
	}
	return s
}

func (p *plane) list(owner, prefix string) (list []Record) {
	p.core.Each(owner, prefix, func(key string, value []byte, version uint64) bool {
		if !strings.HasPrefix(key, reserved) {
			list = append(list, Record{Owner: owner, Key: key, Value: value, Version: version})
		}
		return true
	})
	slices.SortFunc(list, func(a, b Record) int { return strings.Compare(a.Key, b.Key) })
	return list
}

// recordWatcher is one subscription.
type recordWatcher struct {
	prefix string
	wake   chan struct{}

	mu     sync.Mutex
	events []RecordEvent
	place  map[recordKey]int // of a key's event that waits, once there are many
	closed bool
}

type recordKey struct{ owner, key string }

// foldFrom is how many events wait before only the latest of each key is kept.
const foldFrom = 1024

func (w *recordWatcher) push(e *record.Event) {
	if !strings.HasPrefix(e.Key, w.prefix) {
		return
	}
	ev := RecordEvent{Record: Record{e.Owner, e.Key, e.Value, e.Version}, Old: e.Old, Deleted: e.Kind == record.EventDelete}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.place == nil && len(w.events) >= foldFrom {
		w.fold()
	}
	w.add(ev)
	w.signal()
}

// add queues an event; one of the same key that waits is replaced, so that what
// a slow consumer leaves waiting is bounded by the number of keys.
func (w *recordWatcher) add(ev RecordEvent) {
	if w.place == nil {
		w.events = append(w.events, ev)
		return
	}
	k := recordKey{ev.Owner, ev.Key}
	if i, ok := w.place[k]; ok {
		ev.Old = w.events[i].Old
		w.events[i] = ev
		return
	}
	w.place[k] = len(w.events)
	w.events = append(w.events, ev)
}

func (w *recordWatcher) fold() {
	waiting := w.events
	w.place, w.events = make(map[recordKey]int), nil
	for _, ev := range waiting {
		w.add(ev)
	}
}

func (w *recordWatcher) signal() {
	select {
	case w.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (w *recordWatcher) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.signal()
}

func (w *recordWatcher) pop() (events []RecordEvent, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	events, w.events, w.place = w.events, nil, nil
	return events, w.closed
}

// Watch yields the records, of all members, whose keys begin with prefix: first
// those there are, then every change, until ctx or the node ends. A consumer
// that falls behind gets the latest of each key; for a key never an older value
// after a newer one.
func (r Records) Watch(ctx context.Context, prefix string) iter.Seq[RecordEvent] {
	return func(yield func(RecordEvent) bool) {
		w := &recordWatcher{prefix: prefix, wake: make(chan struct{}, 1)}
		if r.p.do(func(time.Time) { r.p.addWatcher(w) }) != nil {
			return
		}
		defer r.p.removeWatcher(w)
		for {
			events, closed := w.pop()
			for _, e := range events {
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			if closed {
				return
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (p *plane) addWatcher(w *recordWatcher) {
	for owner := range p.core.Owners {
		for _, rec := range p.list(owner, w.prefix) {
			w.events = append(w.events, RecordEvent{Record: rec})
		}
	}
	w.signal()
	p.watchers = append(p.watchers, w)
}

func (p *plane) removeWatcher(w *recordWatcher) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, other := range p.watchers {
		if other == w {
			p.watchers = append(p.watchers[:i:i], p.watchers[i+1:]...)
			return
		}
	}
}
