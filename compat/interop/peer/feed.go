package main

import (
	"bytes"
	"sync"
)

// recentMax is how many entries a feed remembers.
const recentMax = 1000

// feed remembers the latest entries and hands new ones to its readers.
type feed[T any] struct {
	mu      sync.Mutex
	recent  []T
	readers map[chan T]bool
}

func newFeed[T any]() *feed[T] { return &feed[T]{readers: map[chan T]bool{}} }

// add never blocks: callers hold memberlist's locks. A reader that has fallen
// a whole buffer behind is cut off, which ends its stream.
func (f *feed[T]) add(v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.recent) == recentMax {
		f.recent = append(f.recent[:0], f.recent[1:]...)
	}
	f.recent = append(f.recent, v)
	for ch := range f.readers {
		select {
		case ch <- v:
		default:
			delete(f.readers, ch)
			close(ch)
		}
	}
}

func (f *feed[T]) snapshot() []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]T{}, f.recent...)
}

// subscribe returns a channel of what is added from now on; the caller must
// call stop.
func (f *feed[T]) subscribe() (ch chan T, stop func()) {
	ch = make(chan T, recentMax)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers[ch] = true
	return ch, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.readers, ch)
	}
}

// lineFilter keeps the complaints among memberlist's log lines. A log.Logger
// writes one line per call.
type lineFilter struct{ to *feed[string] }

func (w *lineFilter) Write(p []byte) (int, error) {
	for _, level := range []string{"[WARN]", "[ERR]", "[ERROR]"} {
		if bytes.Contains(p, []byte(level)) {
			w.to.add(string(bytes.TrimRight(p, "\n")))
			break
		}
	}
	return len(p), nil
}
