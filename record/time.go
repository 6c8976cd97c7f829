package record

import "time"

// instant is virtual time: nanoseconds since the core's epoch, never zero for
// a time that has come, so that zero means "not set".
type instant int64

const never instant = 0

func (c *Core) at(t time.Time) instant        { return instant(t.Sub(c.epoch)) + 1 }
func (c *Core) time(i instant) time.Time      { return c.epoch.Add(time.Duration(i - 1)) }
func (i instant) add(d time.Duration) instant { return i + instant(d) }

// sooner brings a deadline forward.
func sooner(at *instant, to instant) {
	if *at == never || to < *at {
		*at = to
	}
}
