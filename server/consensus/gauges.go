package consensus

import (
	"sync"
	"sync/atomic"
	"time"
)

// latencyBounds are the upper bounds of a latency histogram, in seconds.
var latencyBounds = [...]float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}

// latency counts how long something took.
type latency struct {
	buckets [len(latencyBounds) + 1]atomic.Uint64
	nanos   atomic.Int64
}

func (l *latency) observe(d time.Duration) {
	s := d.Seconds()
	i := 0
	for i < len(latencyBounds) && s > latencyBounds[i] {
		i++
	}
	l.buckets[i].Add(1)
	l.nanos.Add(int64(d))
}

// Histogram is a cumulative histogram as Prometheus has them.
type Histogram struct {
	Count   uint64
	Sum     float64            // seconds
	Buckets map[float64]uint64 // by upper bound in seconds, cumulative
}

func (l *latency) histogram() Histogram {
	h := Histogram{Sum: time.Duration(l.nanos.Load()).Seconds(), Buckets: make(map[float64]uint64, len(latencyBounds))}
	for i := range l.buckets {
		h.Count += l.buckets[i].Load()
		if i < len(latencyBounds) {
			h.Buckets[latencyBounds[i]] = h.Count
		}
	}
	return h
}

// diskErrors remembers how often the disk failed, and how the last time.
type diskErrors struct {
	mu    sync.Mutex
	count uint64
	last  string
	when  time.Time
}

func (d *diskErrors) note(err error) {
	if err == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.count++
	d.last, d.when = err.Error(), time.Now()
}

func (d *diskErrors) read() (count uint64, last string, when time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count, d.last, d.when
}
