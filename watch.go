package muster

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/musterhq/muster/swim"
)

// publish hands events on to OnEvent and to every watcher, and returns them.
func (n *Node) publish(core []swim.Event) []Event {
	events := make([]Event, 0, len(core))
	now := time.Now()
	for _, e := range core {
		if e.Kind == swim.EventPing {
			n.calls.pinged(e)
			continue
		}
		events = append(events, Event{Kind: e.Kind, Member: e.Member, From: e.From, Time: now})
	}
	if n.cfg.OnEvent != nil && len(events) > 0 {
		n.calls.publish(events)
	}
	for _, w := range n.watchers {
		w.push(events)
	}
	return events
}

// watcher is one subscription.
type watcher struct {
	mu     sync.Mutex
	events []Event
	foldAt int
	wake   chan struct{}
}

func (w *watcher) push(events []Event) {
	w.mu.Lock()
	if w.events = append(w.events, events...); len(w.events) > w.foldAt {
		w.events = foldEvents(w.events)
		w.foldAt = max(eventQueueMax, 2*len(w.events))
	}
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *watcher) pop() []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events, w.foldAt = nil, eventQueueMax
	return events
}

// Watch yields the changes of membership, beginning with a MemberJoin for each
// present member, until ctx or the node ends. A consumer that falls behind gets
// the changes folded: it may miss what was undone meanwhile, never the outcome.
func (n *Node) Watch(ctx context.Context) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		w := &watcher{foldAt: eventQueueMax, wake: make(chan struct{}, 1)}
		if n.do(func(now time.Time) { n.addWatcher(w, now) }) != nil {
			return
		}
		defer n.turn(func(time.Time) { n.removeWatcher(w) })
		for {
			for _, e := range w.pop() {
				if ctx.Err() != nil || !yield(e) {
					return
				}
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-n.ctx.Done():
				return
			}
		}
	}
}

func (n *Node) addWatcher(w *watcher, now time.Time) {
	var events []Event
	for m := range n.core.Members {
		if m.State <= Suspect {
			events = append(events, Event{Kind: MemberJoin, Member: m, Time: now})
		}
	}
	w.push(events)
	n.watchers = append(n.watchers, w)
}

func (n *Node) removeWatcher(w *watcher) {
	for i, other := range n.watchers {
		if other == w {
			n.watchers = append(n.watchers[:i:i], n.watchers[i+1:]...)
			return
		}
	}
}
