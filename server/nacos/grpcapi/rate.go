package grpcapi

import (
	"sync"
	"time"
)

// A bucket bounds a rate: so many in a second, and that many at once.
type bucket struct {
	mu     sync.Mutex
	rate   float64
	tokens float64
	last   time.Time
}

func (b *bucket) init(rate int, now time.Time) {
	b.rate, b.tokens, b.last = float64(rate), float64(rate), now
}

func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.rate, b.tokens+now.Sub(b.last).Seconds()*b.rate)
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
