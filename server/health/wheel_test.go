package health

import (
	"math/rand/v2"
	"testing"
	"time"
)

// The wheel gives each target once, not before its time, and not later than
// the tick after it, however the clock moves.
func TestWheel(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	start := time.Now()
	var w wheel
	w.init(start)
	now := start
	waiting := make(map[*target]bool)
	for step := range 5000 {
		for range r.IntN(4) {
			x := &target{at: now.Add(time.Duration(r.Int64N(int64(40 * time.Second))))} // three turns of the wheel
			waiting[x] = true
			w.add(x)
		}
		jump := time.Duration(r.Int64N(int64(200 * time.Millisecond)))
		if r.IntN(100) == 0 {
			jump = time.Duration(r.Int64N(int64(time.Minute)))
		}
		now = now.Add(jump)
		w.advance(now, func(x *target) {
			if !waiting[x] || x.at.After(now) {
				t.Fatalf("seed %d, step %d: given twice, or %v too soon", seed, step, x.at.Sub(now))
			}
			delete(waiting, x)
		})
		for x := range waiting {
			if now.Sub(x.at) > 2*wheelTick {
				t.Fatalf("seed %d, step %d: %v late", seed, step, now.Sub(x.at))
			}
		}
		if w.count != len(waiting) {
			t.Fatalf("seed %d, step %d: %d in the wheel, not %d", seed, step, w.count, len(waiting))
		}
	}
}

func TestQueue(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	var q queue
	var want []*target
	for range 10_000 {
		if r.IntN(2) == 0 {
			x := new(target)
			q.push(x)
			want = append(want, x)
		} else if got := q.pop(); len(want) == 0 && got != nil || len(want) > 0 && got != want[0] {
			t.Fatalf("seed %d: out of order", seed)
		} else if len(want) > 0 {
			want = want[1:]
		}
		if q.len() != len(want) {
			t.Fatalf("seed %d: %d of %d", seed, q.len(), len(want))
		}
	}
	for range 10_000 {
		q.push(new(target))
		q.pop()
	}
	if cap(q.list) > 10_000 {
		t.Errorf("seed %d: %d slots for %d", seed, cap(q.list), q.len())
	}
}
