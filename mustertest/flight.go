package mustertest

import (
	"container/heap"
	"time"
)

// flight is something under way over a link.
type flight struct {
	at   time.Time
	link *link
	seq  uint64 // of the link
	land func() // called with the network locked
}

// flights is a heap. What is due at the same instant goes by link and then by
// order of sending, so that no scheduler decides.
type flights []flight

func (f flights) Len() int      { return len(f) }
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }

func (f flights) Less(i, j int) bool {
	if c := f[i].at.Compare(f[j].at); c != 0 {
		return c < 0
	}
	if c := f[i].link.pair.compare(f[j].link.pair); c != 0 {
		return c < 0
	}
	return f[i].seq < f[j].seq
}

func (f *flights) Pop() any {
	last := len(*f) - 1
	x := (*f)[last]
	(*f)[last] = flight{}
	*f = (*f)[:last]
	return x
}

// launch has land called at a time. The network needs no goroutine to wait for
// it: when nothing is under way nothing of it runs.
func (n *Network) launch(now, at time.Time, l *link, land func()) {
	if !at.After(now) {
		land()
		return
	}
	l.sent++
	heap.Push(&n.flights, flight{at: at, link: l, seq: l.sent, land: land})
	if n.armed.IsZero() || at.Before(n.armed) {
		n.arm(now, at)
	}
}

func (n *Network) arm(now, at time.Time) {
	n.armed = at
	if n.timer == nil {
		n.timer = time.AfterFunc(at.Sub(now), n.arrive)
	} else {
		n.timer.Reset(at.Sub(now))
	}
}

// arrive lands what is due.
func (n *Network) arrive() {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for len(n.flights) > 0 && !n.flights[0].at.After(now) {
		f := heap.Pop(&n.flights).(flight)
		n.refresh(f.link)
		f.land()
	}
	n.armed = time.Time{}
	if len(n.flights) > 0 {
		n.arm(now, n.flights[0].at)
	}
}

// parcel is a part of a stream: it arrives, sooner or later.
type parcel struct {
	size  int
	floor *time.Time // not before the part before it
	land  func()
}

// retransmit is after how long what was lost is sent again, at first; twice as
// long each further time.
const retransmit = 200 * time.Millisecond

// carry sends a part of a stream over a link; a cut parks it.
func (n *Network) carry(l *link, p parcel) {
	if l.cut {
		l.parked = append(l.parked, p)
		return
	}
	now := time.Now()
	at, _ := l.squeeze(now, p.size)
	at = at.Add(l.travel())
	for wait := retransmit; l.draw(l.rule.Loss); wait *= 2 {
		if at = at.Add(wait); wait > time.Minute {
			break // even over a link that loses all: SetLink is no cut
		}
	}
	if p.floor != nil {
		if at.Before(*p.floor) {
			at = *p.floor
		}
		*p.floor = at
	}
	n.launch(now, at, l, func() {
		if l.cut {
			l.parked = append(l.parked, p)
			return
		}
		p.land()
	})
}
