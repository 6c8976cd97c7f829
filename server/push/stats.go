package push

import (
	"sync/atomic"
	"time"
)

type counters struct {
	sent, failed, empty, acked atomic.Uint64
	cost, maxCost              atomic.Int64
}

// Stats are the engine's counters.
type Stats struct {
	Sent   uint64 // pushes of lists
	Failed uint64 // not acknowledged in time, or refused
	Empty  uint64 // of lists without instances
	Acked  uint64
	Cost   time.Duration // of all acknowledged, from the change to the answer
	// MaxCost is the longest since ResetMaxCost.
	MaxCost time.Duration
	Changed int // services that wait for their delay to end
	Open    int // pushes whose time to be acknowledged runs
}

// Stats returns the counters.
func (e *Engine) Stats() Stats {
	e.mu.Lock()
	changed, open := len(e.marked), len(e.acks.items)-e.acks.head
	e.mu.Unlock()
	return Stats{
		Sent: e.stats.sent.Load(), Failed: e.stats.failed.Load(), Empty: e.stats.empty.Load(), Acked: e.stats.acked.Load(),
		Cost: time.Duration(e.stats.cost.Load()), MaxCost: time.Duration(e.stats.maxCost.Load()),
		Changed: changed, Open: open,
	}
}

// ResetMaxCost begins a new maximum.
func (e *Engine) ResetMaxCost() { e.stats.maxCost.Store(0) }

func (e *Engine) delivered(since time.Time) {
	took := time.Since(since)
	e.stats.acked.Add(1)
	e.stats.cost.Add(int64(took))
	for {
		most := e.stats.maxCost.Load()
		if int64(took) <= most || e.stats.maxCost.CompareAndSwap(most, int64(took)) {
			break
		}
	}
	e.opts.Delivered(took)
}
