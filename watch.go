package muster

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/musterhq/muster/swim"
)

// publish hands events on to OnEvent and to every watcher, and returns them, and
// besides those that are for the log only.
func (n *Node) publish(core []swim.Event) (events []Event, asides []swim.Event) {
	events = make([]Event, 0, len(core))
	now := time.Now()
	for _, e := range core {
		switch e.Kind {
		case swim.EventPing:
			n.calls.pinged(e)
			continue
		case swim.EventAccused:
			n.calls.accused(e)
			asides = append(asides, e)
			continue
		case swim.EventCaps:
			continue // for the records
		case swim.EventForgotten:
			delete(n.metas, e.Member.Name)
			continue
		case swim.EventSilent, swim.EventStreamOnly:
			asides = append(asides, e)
			continue
		}
		ev := Event{
			Kind: kindOf(&e), Member: e.Member, OldMeta: e.OldMeta, From: e.From, Confirmations: e.Confirmations, Time: now,
		}
		if n.complete(&ev) {
			events = append(events, ev)
		}
	}
	n.tell(events)
	return events, asides
}

// tell gives events to the application and to every watcher, with Node.mu held.
func (n *Node) tell(events []Event) {
	if n.cfg.OnEvent != nil && len(events) > 0 {
		n.calls.publish(events)
	}
	for _, w := range n.watchers {
		w.push(events)
	}
}

// watcher is one subscription.
type watcher struct {
	mu     sync.Mutex
	kinds  kindSet
	events []Event
	foldAt int
	wake   chan struct{}
}

// kindSet has a bit for each kind.
type kindSet uint16

func setOf(kinds []EventKind) (s kindSet) {
	if len(kinds) == 0 {
		kinds = []EventKind{MemberJoined, MemberUpdated, MemberLeaving, MemberLeft, MemberFailed}
	}
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

func (s kindSet) has(k EventKind) bool { return s&(1<<k) != 0 }

func (w *watcher) push(events []Event) {
	w.mu.Lock()
	for i := range events {
		if w.kinds.has(events[i].Kind) {
			w.events = append(w.events, events[i])
		}
	}
	if len(w.events) > w.foldAt {
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

// Watch yields the changes of membership, beginning with a MemberJoined for each
// present member, until ctx or the node ends: those of the kinds given, or, of
// none, MemberJoined, MemberUpdated, MemberLeaving, MemberLeft and MemberFailed.
// A consumer that falls behind gets the changes folded: it may miss what was
// undone meanwhile, never the outcome.
func (n *Node) Watch(ctx context.Context, kinds ...EventKind) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		w := &watcher{kinds: setOf(kinds), foldAt: eventQueueMax, wake: make(chan struct{}, 1)}
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
			n.attach(&m)
			events = append(events, Event{Kind: MemberJoined, Member: m, Time: now})
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
