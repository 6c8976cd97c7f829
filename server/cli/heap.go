package cli

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// A cycle of the garbage collector begins when the heap has doubled. That is
// soon for a server that holds little and is asked much: it would collect many
// times a second, and spend up to a third of its time on it. So while the heap
// is small it may grow by more, up to what a server of 50,000 instances grows
// by in any case.
const (
	heapGrowth  = 48 << 20 // bytes that may be allocated between two cycles
	mostPercent = 300      // of what is live: an idle server is to stay small, too
	leastChange = 10       // less is not worth the stop that a change is
)

// tuneHeap keeps the collector at that, unless the environment says how it is
// to be.
func tuneHeap() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(mostPercent)
	afterCycle(mostPercent)
}

// growth is the percentage by which a heap may grow of which so much is live.
func growth(live uint64) int {
	return int(min(max(heapGrowth*100/max(live, 1), 100), mostPercent))
}

// cycle is garbage as soon as it is made: its end is that of a cycle.
type cycle struct{ percent *int }

// afterCycle sets the percentage anew when a cycle has ended, and so on.
func afterCycle(percent int) {
	runtime.SetFinalizer(&cycle{&percent}, func(c *cycle) {
		sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(sample)
		now := *c.percent
		if sample[0].Value.Kind() == metrics.KindUint64 {
			now = growth(sample[0].Value.Uint64())
		}
		if now-*c.percent < leastChange && *c.percent-now < leastChange {
			now = *c.percent
		} else {
			debug.SetGCPercent(now)
		}
		afterCycle(now)
	})
}
