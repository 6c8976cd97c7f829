package swim

import (
	"math"
	"time"

	"github.com/musterhq/muster/wire"
)

// suspicion is the time that a member has to refute (SWIM section 4.2), which
// shrinks as others confirm it independently (Lifeguard section 3.2).
type suspicion struct {
	start    instant
	min, max time.Duration
	k        int      // confirmations that bring the time down to min
	accusers []string // the first, then those who confirmed
	due      instant
	alarm    instant // of the timer that counts
}

// SuspicionBounds returns how long a suspect has among n members: at least
// mult*max(1, log10 n)*interval, with the logarithm cut to thousandths as
// memberlist does, and at most maxMult times that.
func SuspicionBounds(mult, maxMult, n int, interval time.Duration) (shortest, longest time.Duration) {
	// The little that is added makes a power of ten come out the same whatever
	// the platform's rounding.
	scale := int64(max(1, math.Log10(float64(max(n, 1)))+1e-9) * 1000)
	shortest = times(times(interval, int64(mult)), scale) / 1000
	return shortest, times(shortest, int64(maxMult))
}

// timeout is the whole time after n of k confirmations:
// max - (max-min)*ln(n+1)/ln(k+1), cut to milliseconds.
func (s *suspicion) timeout(n int) time.Duration {
	if s.k < 1 || n >= s.k {
		return s.min
	}
	frac := math.Log(float64(n)+1) / math.Log(float64(s.k)+1)
	t := float64(s.max) - frac*float64(s.max-s.min)
	return max(s.min, time.Duration(t/1e6+1e-6)*time.Millisecond)
}

// raise starts a suspicion that from accuses of.
func (c *Core) raise(id memberID, from string) {
	n := c.NumLive()
	s := &suspicion{start: c.now, accusers: []string{from}}
	s.min, s.max = SuspicionBounds(c.cfg.SuspicionMult, c.cfg.SuspicionMaxTimeoutMult, n, max(c.cfg.ProbeInterval, time.Millisecond))
	if k := c.cfg.SuspicionMult - 2; n-2 >= k {
		s.k = max(k, 0)
	}
	c.suspects[id] = s
	c.stats.Suspicions++
	c.arm(id, s)
}

func (c *Core) arm(id memberID, s *suspicion) {
	s.due = s.start.add(s.timeout(len(s.accusers) - 1))
	c.alarm(id, s, max(s.due, c.now+1))
}

func (c *Core) alarm(id memberID, s *suspicion, at instant) {
	s.alarm = at
	c.tidyTimers()
	c.timers.push(timer{at, timerSuspicion, uint32(id)})
}

// confirm counts an accuser that is new and a member, and tells whether it did.
func (c *Core) confirm(id memberID, s *suspicion, from string) bool {
	if len(s.accusers) > s.k {
		return false
	}
	for _, a := range s.accusers {
		if a == from {
			return false
		}
	}
	if _, known := c.table.find(from); !known {
		return false // invented accusers must not shorten anybody's time
	}
	s.accusers = append(s.accusers, c.nameOf(from))
	c.stats.Confirmations++
	c.arm(id, s)
	return true
}

// nameOf returns the table's copy of a name, which outlives the message.
func (c *Core) nameOf(name string) string {
	if id, ok := c.table.find(name); ok {
		return c.table.at(id).name
	}
	return string(append([]byte(nil), name...))
}

// suspicionDue declares a member dead whose time is over.
func (c *Core) suspicionDue(id memberID) {
	s := c.suspects[id]
	if s == nil || c.now < s.due {
		return // refuted, or the timer of a time that was changed since
	}
	if wait, ok := c.deaf(s); ok {
		s.due = wait
		c.alarm(id, s, wait)
		return
	}
	m := c.table.at(id)
	d := wire.Dead{Incarnation: m.inc, Node: m.name, From: c.table.at(selfID).name}
	c.bury(id, &d)
}

// deaf tells whether this member has heard nothing at all since the suspicion
// began, though it should have, with several others alive. Then the fault is
// more likely here, and a verdict waits, though no longer than the suspicion's
// maximum.
func (c *Core) deaf(s *suspicion) (until instant, ok bool) {
	const enough = 4
	last := s.start.add(s.max)
	if c.table.live < enough || c.heard > s.start || c.now >= last {
		return never, false
	}
	return min(last, c.now.add(max(c.cfg.ProbeInterval, time.Millisecond))), true
}

// stallAfter is by how much a tick may be late before the core takes it that
// the process stood still (stopped, swapped out, its virtual machine moved).
func (c *Core) stallAfter() time.Duration {
	return max(c.cfg.ProbeTimeout, 250*time.Millisecond)
}

// stalled forgives everybody the time in which this member could not listen:
// what the others sent meanwhile still waits to be read.
func (c *Core) stalled(d time.Duration) {
	c.stats.Stalls++
	c.probe.active = false
	for id := memberID(0); int(id) < c.table.used && len(c.suspects) > 0; id++ {
		if s := c.suspects[id]; s != nil {
			s.start, s.due = s.start.add(d), s.due.add(d)
			c.alarm(id, s, s.due)
		}
	}
}
