package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// A Watch is what a subscriber was told of one service.
type Watch struct {
	mu      sync.Mutex
	lists   [][]protocol.Instance
	awaited int           // index of the list that was awaited last
	told    chan struct{} // closed and made anew with each list
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

// await waits until the subscriber is told this list. It need not be the last one
// that it is told: libraries hand lists that come soon after one another to a
// listener in another order than they took them in. (Seen: that for Java, whose
// updates and pushes are published by two threads, and that for Rust, which has a
// task for each.) That servers send them in order is a test of the servers, see
// package e2e. Lists of before the one that was awaited last do not count.
func (w *Watch) await(patience time.Duration, want []protocol.Instance) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		told, err := w.look(want)
		if err == nil {
			return nil
		}
		select {
		case <-told:
		case <-deadline.C:
			return fmt.Errorf("after %v, told %d times, last: %w", patience, w.Times(), err)
		}
	}
}

// look looks for a list among those that were not awaited yet. Without it, it
// returns what tells of the next, and how the last differs.
func (w *Watch) look(want []protocol.Instance) (told <-chan struct{}, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err = fmt.Errorf("nothing")
	for n := w.awaited; n < len(w.lists); n++ {
		if err = same(w.lists[n], want); err == nil {
			w.awaited = n
			return nil, nil
		}
	}
	return w.told, err
}
