package record

import "time"

// leases are the times to live of own keys. Only the owner counts them; the
// others are sent the deletion.
//
// A heap holds when each lease has to be looked at. Touching a lease moves its
// end but not its place in the heap: it is looked at when its former end has
// come, and goes back in with the new one. So a key that is touched a hundred
// times per time to live costs one visit per time to live.
type leases struct {
	all  []lease
	free []uint32 // places in all
	heap []visit
}

// lease is the time to live of one key; ends is never while nobody has it.
type lease struct {
	key    string
	ends   instant
	visits instant // when the heap has it looked at
}

type visit struct {
	at    instant
	lease uint32
}

func (l *leases) due() instant {
	if len(l.heap) == 0 {
		return never
	}
	return l.heap[0].at
}

// lease lets the time to live of an own key begin, or takes it away.
func (c *Core) lease(e *entry, key string, ttl time.Duration) {
	l := &c.own.leases
	if ttl <= 0 {
		if e.lease > 0 {
			l.drop(e.lease - 1)
			e.lease = 0
		}
		return
	}
	if e.lease == 0 {
		e.lease = l.take(string(e.key())) + 1
	}
	at := &l.all[e.lease-1]
	at.ends = c.now.add(min(ttl, intervalMax))
	if at.visits == never || at.ends < at.visits {
		at.visits = at.ends
		l.push(visit{at.ends, e.lease - 1})
		if len(l.heap) > 2*len(l.all)+leaseSlack {
			l.tidy()
		}
	}
}

func (l *leases) take(key string) uint32 {
	if n := len(l.free); n > 0 {
		i := l.free[n-1]
		l.free = l.free[:n-1]
		l.all[i] = lease{key: key}
		return i
	}
	l.all = append(l.all, lease{key: key})
	return uint32(len(l.all) - 1)
}

// drop ends a lease without a deletion. Its place is free for another; a visit
// that the heap still has finds that one not due, or due, as it may be.
func (l *leases) drop(i uint32) {
	l.all[i] = lease{}
	l.free = append(l.free, i)
	if len(l.free) == len(l.all) {
		*l = leases{} // the last one: let go of all
	} else if len(l.heap) > 2*len(l.all)+leaseSlack {
		l.tidy()
	}
}

// leaseSlack is how many visits to leases that are no more may wait.
const leaseSlack = 64

// tidy takes the visits out that have lost their sense, when they are the most.
func (l *leases) tidy() {
	l.heap = l.heap[:0]
	for i := range l.all {
		if at := &l.all[i]; at.visits != never {
			l.push(visit{at.visits, uint32(i)})
		}
	}
}

// expire deletes the keys whose time is over.
func (c *Core) expire() {
	l := &c.own.leases
	for len(l.heap) > 0 && l.heap[0].at <= c.now {
		v := l.pop()
		at := &l.all[v.lease]
		switch {
		case at.visits != v.at: // another visit has its place
		case at.ends == never:
			at.visits = never
		case at.ends > c.now:
			at.visits = at.ends
			l.push(visit{at.ends, v.lease})
		default:
			c.stats.Expiries++
			c.remove1(at.key)
		}
	}
}

func (a visit) before(b visit) bool { return a.at < b.at || a.at == b.at && a.lease < b.lease }

func (l *leases) push(v visit) {
	s := append(l.heap, v)
	i := len(s) - 1
	for i > 0 && v.before(s[(i-1)/2]) {
		s[i] = s[(i-1)/2]
		i = (i - 1) / 2
	}
	s[i] = v
	l.heap = s
}

func (l *leases) pop() visit {
	s := l.heap
	top, v := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	l.heap = s
	for i := 0; len(s) > 0; {
		child := 2*i + 1
		if child+1 < len(s) && s[child+1].before(s[child]) {
			child++
		}
		if child >= len(s) || !s[child].before(v) {
			s[i] = v
			break
		}
		s[i] = s[child]
		i = child
	}
	return top
}
