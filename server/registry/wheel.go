package registry

import (
	"sync"
	"time"
)

// wheelSlots times beatTick is how far the wheel reaches; what is due later
// is put in again when its slot comes.
const wheelSlots = 256

// A wheel is a timing wheel: adding is O(1), and a tick touches what is due
// only. Nothing is ever taken out before its time.
type wheel struct {
	mu    sync.Mutex
	slots [wheelSlots][]wheelEntry
	tick  int64 // the last one that was looked at
	start time.Time
}

type wheelEntry struct {
	beat *beat
	at   time.Time
}

func (w *wheel) init(now time.Time) { w.start = now }

func (w *wheel) tickOf(t time.Time) int64 { return int64(t.Sub(w.start) / beatTick) }

func (w *wheel) add(b *beat, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	// The tick after at, so that it is over when the slot comes.
	slot := max(w.tickOf(at)+1, w.tick+1) % wheelSlots
	w.slots[slot] = append(w.slots[slot], wheelEntry{b, at})
}

// due returns what is due by now.
func (w *wheel) due(now time.Time) []*beat {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := w.tickOf(now)
	var out []*beat
	for n := min(last-w.tick, wheelSlots); n > 0; n-- {
		slot := &w.slots[(last-n+1)%wheelSlots]
		kept := (*slot)[:0]
		for _, e := range *slot {
			if e.at.After(now) {
				kept = append(kept, e) // another turn
			} else {
				out = append(out, e.beat)
			}
		}
		clear((*slot)[len(kept):])
		*slot = kept
		if len(kept) == 0 {
			*slot = nil
		}
	}
	w.tick = last
	return out
}
