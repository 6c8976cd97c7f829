package health

import "time"

// wheelSlots times wheelTick is how far the wheel reaches. What is due later
// goes round again.
const (
	wheelTick  = 50 * time.Millisecond
	wheelSlots = 256
)

// A wheel is a timing wheel (Varghese and Lauck, 1987): to add costs the same
// however many there are, and a tick touches one slot. Targets that are gone
// are dropped when their time comes.
type wheel struct {
	start time.Time
	tick  int64 // the last one that was looked at
	slots [wheelSlots][]*target
	count int
}

func (w *wheel) init(now time.Time) { w.start = now }

func (w *wheel) tickOf(t time.Time) int64 { return int64(t.Sub(w.start) / wheelTick) }

// add puts in a target; at says where.
func (w *wheel) add(t *target) {
	// The tick after, so that the time has come when the slot does.
	slot := max(w.tickOf(t.at), w.tick) + 1
	w.slots[slot%wheelSlots] = append(w.slots[slot%wheelSlots], t)
	w.count++
}

// advance takes out what is due and calls f with it.
func (w *wheel) advance(now time.Time, f func(*target)) {
	last := w.tickOf(now)
	if w.count == 0 {
		w.tick = max(w.tick, last)
		return
	}
	for n := min(last-w.tick, wheelSlots); n > 0; n-- {
		slot := &w.slots[(last-n+1)%wheelSlots]
		later := (*slot)[:0]
		for _, t := range *slot {
			switch {
			case t.gone:
				w.count--
			case t.at.After(now):
				later = append(later, t)
			default:
				w.count--
				f(t)
			}
		}
		clear((*slot)[len(later):])
		*slot = later
	}
	w.tick = max(w.tick, last)
}

// A queue holds targets in the order in which they became due.
type queue struct {
	list []*target
	head int
}

func (q *queue) len() int { return len(q.list) - q.head }

func (q *queue) push(t *target) {
	if q.head > 0 && q.head >= len(q.list)/2 {
		n := copy(q.list, q.list[q.head:])
		clear(q.list[n:])
		q.list, q.head = q.list[:n], 0
	}
	q.list = append(q.list, t)
}

func (q *queue) pop() *target {
	if q.len() == 0 {
		q.list, q.head = nil, 0
		return nil
	}
	t := q.list[q.head]
	q.list[q.head] = nil
	q.head++
	return t
}
