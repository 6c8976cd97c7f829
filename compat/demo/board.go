package main

import (
	"slices"
	"sync"
	"time"
)

// The states as the API names them, and what stands for no opinion.
const (
	alive   = "alive"
	suspect = "suspect"
	dead    = "dead"
	left    = "left"
	unknown = ""
)

// change is one observer's change of mind about one subject.
type change struct {
	at                time.Time
	observer, subject string
	from, to          string
}

// board holds what every node believes about every other, and when each
// belief began, to the precision of the polling.
type board struct {
	mu      sync.Mutex
	view    map[string]map[string]string // observer -> subject -> state
	history []change
	changed chan struct{} // closed and replaced at each change
}

func newBoard() *board {
	return &board{view: make(map[string]map[string]string), changed: make(chan struct{})}
}

// observe records an observer's whole list. Members it does not list are
// unknown to it (again).
func (b *board) observe(at time.Time, observer string, members []member) {
	now := make(map[string]string, len(members))
	for _, m := range members {
		now[m.Name] = m.State
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.view[observer]
	b.view[observer] = now
	n := len(b.history)
	for subject, state := range now {
		if before[subject] != state {
			b.history = append(b.history, change{at, observer, subject, before[subject], state})
		}
	}
	for subject, state := range before {
		if _, ok := now[subject]; !ok {
			b.history = append(b.history, change{at, observer, subject, state, unknown})
		}
	}
	slices.SortFunc(b.history[n:], func(x, y change) int { // maps have no order; the report has
		if x.subject < y.subject {
			return -1
		}
		return 1
	})
	if len(b.history) > n {
		close(b.changed)
		b.changed = make(chan struct{})
	}
}

// state is what observer believes about subject.
func (b *board) state(observer, subject string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.view[observer][subject]
}

// row is what observer believes about each subject.
func (b *board) row(observer string, subjects []string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]string, len(subjects))
	for i, s := range subjects {
		out[i] = b.view[observer][s]
	}
	return out
}

// next returns a channel that is closed at the next change.
func (b *board) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// since returns the changes from the nth on.
func (b *board) since(n int) []change {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.history[n:])
}

// earliest returns the first change after began that matches, or nil.
func (b *board) earliest(began time.Time, match func(change) bool) *change {
	for _, c := range b.since(0) {
		if !c.at.Before(began) && match(c) {
			return &c
		}
	}
	return nil
}

// spread tells which observer was the first, and which the last, to have come
// to all of the beliefs that match. What it believed before and came back to
// counts from the first time.
func (b *board) spread(began time.Time, match func(change) bool) span {
	type pair struct{ observer, subject string }
	known := make(map[pair]bool)
	var order []string
	complete := make(map[string]time.Time)
	for _, c := range b.since(0) {
		p := pair{c.observer, c.subject}
		if c.at.Before(began) || known[p] || !match(c) {
			continue
		}
		known[p] = true
		if complete[c.observer].IsZero() {
			order = append(order, c.observer)
		}
		complete[c.observer] = c.at
	}
	var out span
	for _, name := range order {
		out.add(mark{complete[name], name})
	}
	return out
}
