package registry

import (
	"sync/atomic"
	"time"
)

// A clock tells milliseconds that never go back and never fall behind what
// was observed of other servers' clocks: a hybrid logical clock (Kulkarni and
// others, 2014) that counts within its services' revisions.
type clock struct {
	last atomic.Uint64
}

func (c *clock) now() uint64 {
	return max(uint64(time.Now().UnixMilli()), c.last.Load())
}

func (c *clock) observe(t uint64) {
	for {
		last := c.last.Load()
		if t <= last || c.last.CompareAndSwap(last, t) {
			return
		}
	}
}

// maxAhead bounds how far the word of a peer may move the clock: about a
// century. Beyond, revisions would not fit into what clients count with.
const maxAhead = 1 << 42

// ObserveClock takes in what [Registry.Clock] said on another server, or here
// in an earlier life. Servers tell each other now and then, so that revisions
// grow for a client that goes from one whose clock is fast to one whose is slow.
func (r *Registry) ObserveClock(t uint64) {
	if t < uint64(time.Now().UnixMilli())+maxAhead {
		r.clock.observe(t)
	}
}

// Clock returns a number that no revision given here exceeds.
func (r *Registry) Clock() uint64 { return r.clock.now() }
