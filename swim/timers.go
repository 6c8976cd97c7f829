package swim

import "time"

// instant is virtual time: nanoseconds since the core's epoch, never zero for
// a time that has come, so that zero means "not set".
type instant int64

const never instant = 0

func (c *Core) at(t time.Time) instant        { return instant(t.Sub(c.epoch)) + 1 }
func (c *Core) time(i instant) time.Time      { return c.epoch.Add(time.Duration(i - 1)) }
func (i instant) add(d time.Duration) instant { return i + instant(d) }

// times is d*n, or spanMax where that would be more: an interval scaled by the
// size of the cluster must not overflow.
func times(d time.Duration, n int64) time.Duration {
	if n > 0 && d > spanMax/time.Duration(n) {
		return spanMax
	}
	return d * time.Duration(n)
}

const spanMax = time.Duration(1 << 61) // 73 years

// coarse is an instant in sixteenths of a second, rounded up: exact enough for
// how long a member has been dead, in half the room.
type coarse uint32

const coarseUnit = instant(time.Second / 16)

func (i instant) coarse() coarse  { return coarse((i + coarseUnit - 1) / coarseUnit) }
func (c coarse) instant() instant { return instant(c) * coarseUnit }

// timerKind orders what is due at the same instant.
type timerKind uint8

const (
	timerSuspicion timerKind = iota // a suspect's time to refute is over: key is the member
	timerRelayNack                  // a relayed ping has had its time: key is its sequence number
	timerRelayEnd                   // a relayed ping is forgotten
	timerLateNack                   // the time for nacks to a failed probe is over
	timerPing                       // an own ping was not answered
)

// timer is one entry of the heap. A timer is not taken out when it loses its
// sense: whoever it fires for checks whether it still stands.
type timer struct {
	at   instant
	kind timerKind
	key  uint32
}

func (a timer) before(b timer) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	if a.kind != b.kind {
		return a.kind < b.kind
	}
	return a.key < b.key
}

// timers is a binary min-heap.
type timers []timer

func (h *timers) push(t timer) {
	s := append(*h, t)
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !s[i].before(s[parent]) {
			break
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
	*h = s
}

// tidyTimers takes out the timers that have lost their sense once they are the
// most: members that are suspected and refute, and pings relayed and answered,
// leave them behind at whatever pace the network likes.
func (c *Core) tidyTimers() {
	all := c.timers
	if len(all) < 64+4*(len(c.suspects)+len(c.relays)+len(c.late)) {
		return
	}
	c.timers = all[:0] // which never grows past the one that is looked at
	for _, t := range all {
		if c.stands(t) {
			c.timers.push(t)
		}
	}
}

func (c *Core) stands(t timer) bool {
	switch t.kind {
	case timerSuspicion:
		s := c.suspects[memberID(t.key)]
		return s != nil && s.alarm == t.at
	case timerRelayNack, timerRelayEnd:
		return c.relays[t.key] != nil
	}
	return true
}

func (h *timers) pop() timer {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			break
		}
		if child+1 < last && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(s[i]) {
			break
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
	*h = s
	return top
}
