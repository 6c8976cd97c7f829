package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// A Watch is what a subscriber was told of one service.
type Watch struct {
	mu    sync.Mutex
	lists [][]protocol.Instance
	told  chan struct{} // closed and made anew with each list
}

func newWatch() *Watch { return &Watch{told: make(chan struct{})} }

func (w *Watch) tell(list []protocol.Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lists = append(w.lists, list)
	close(w.told)
	w.told = make(chan struct{})
}

// Times returns how often the subscriber was told something.
func (w *Watch) Times() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.lists)
}

// Since returns the lists told after so many others.
func (w *Watch) Since(times int) [][]protocol.Instance {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lists[times:]
}

// await waits until the last list told is this one.
func (w *Watch) await(patience time.Duration, want []protocol.Instance) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		w.mu.Lock()
		n, told := len(w.lists), w.told
		err := fmt.Errorf("nothing")
		if n > 0 {
			err = same(w.lists[n-1], want)
		}
		w.mu.Unlock()
		if err == nil {
			return nil
		}
		select {
		case <-told:
		case <-deadline.C:
			return fmt.Errorf("after %v, told %d times, last: %w", patience, n, err)
		}
	}
}
