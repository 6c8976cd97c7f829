package push

import "time"

// A queue holds what is due after equally long times, so that what came first
// is due first.
type queue[T any] struct {
	items []timed[T]
	head  int
}

type timed[T any] struct {
	item T
	at   time.Time
}

func (q *queue[T]) push(item T, at time.Time) {
	q.items = append(q.items, timed[T]{item, at})
}

func (q *queue[T]) empty() bool { return q.head == len(q.items) }

// next returns when the first is due.
func (q *queue[T]) next() (time.Time, bool) {
	if q.empty() {
		return time.Time{}, false
	}
	return q.items[q.head].at, true
}

// due takes out all that is due.
func (q *queue[T]) due(now time.Time) []T {
	var out []T
	for !q.empty() && !q.items[q.head].at.After(now) {
		out = append(out, q.items[q.head].item)
		q.items[q.head] = timed[T]{}
		q.head++
	}
	switch {
	case q.empty() && cap(q.items) > 1024:
		q.items, q.head = nil, 0 // the memory of a burst
	case q.empty():
		q.items, q.head = q.items[:0], 0
	case q.head > len(q.items)/2:
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return out
}
