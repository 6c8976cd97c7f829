package cli

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// A small heap may grow by more than its own size, a large one may not, and in
// between there is no step.
func TestHeapGrowth(t *testing.T) {
	for _, x := range []struct {
		live uint64
		want int
	}{
		{0, 300}, {1 << 20, 300}, {16 << 20, 300}, {24 << 20, 200}, {32 << 20, 150}, {48 << 20, 100}, {1 << 30, 100}, {1 << 40, 100},
	} {
		if got := growth(x.live); got != x.want {
			t.Errorf("of %d bytes by %d %%, want %d", x.live, got, x.want)
		}
	}
}

var held []byte

// What is live decides after each cycle.
func TestTuneHeap(t *testing.T) {
	t.Setenv("GOGC", "")
	before := debug.SetGCPercent(100)
	debug.SetGCPercent(before)
	tuneHeap()
	percent := func() int {
		now := debug.SetGCPercent(1000)
		debug.SetGCPercent(now)
		return now
	}
	until := func(what string, ok func(int) bool) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for !ok(percent()) {
			if time.Now().After(deadline) {
				t.Fatalf("%s: the heap may grow by %d %%", what, percent())
			}
			runtime.GC()
		}
	}
	until("little is live", func(p int) bool { return p == mostPercent })
	held = make([]byte, 64<<20)
	until("much is live", func(p int) bool { return p == 100 })
	held = nil
	until("little is live again", func(p int) bool { return p == mostPercent })
}
