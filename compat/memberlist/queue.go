package memberlist

import (
	"math"
	"sync"
)

// TransmitLimitedQueue holds broadcasts, each of which is sent a number of
// times that grows with the logarithm of the cluster's size. What was sent less
// often goes first; among those the longer, then the newer. The zero value with
// its two fields set is ready for use, by any number of goroutines.
type TransmitLimitedQueue struct {
	// NumNodes returns the size of the cluster.
	NumNodes func() int

	// RetransmitMult scales how often a broadcast is sent:
	// RetransmitMult * ceil(log10(NumNodes()+1)) times.
	RetransmitMult int

	mu     sync.Mutex
	order  treap
	named  map[string]*queued // by name
	plain  plainList          // those that others may invalidate
	lastID uint64
}

// queued is one broadcast.
type queued struct {
	b    Broadcast
	size int
	sent int
	id   uint64 // grows with each broadcast
	name string // of a NamedBroadcast

	// Its places in the order, and among those that others may invalidate.
	left, right *queued
	rank        uint64
	prev, next  *queued
	listed      bool
}

// QueueBroadcast queues b, in place of those that it makes superfluous.
func (q *TransmitLimitedQueue) QueueBroadcast(b Broadcast) {
	it := &queued{b: b, size: len(b.Message())}
	named, isNamed := b.(NamedBroadcast)
	_, isUnique := b.(UniqueBroadcast)
	if isNamed {
		it.name = named.Name()
	}
	var gone []*queued
	q.mu.Lock()
	switch {
	case isNamed:
		if old := q.named[it.name]; old != nil {
			q.remove(old)
			gone = append(gone, old)
		}
		if q.named == nil {
			q.named = make(map[string]*queued)
		}
		q.named[it.name] = it
	case !isUnique:
		gone = q.invalidate(b)
		q.plain.add(it)
	}
	q.lastID++
	it.id = q.lastID
	q.order.insert(it)
	q.mu.Unlock()
	finish(gone)
}

// invalidate takes out what b makes superfluous: only plain broadcasts, since
// the others say by name or nature how they relate.
func (q *TransmitLimitedQueue) invalidate(b Broadcast) (gone []*queued) {
	for it := q.plain.first; it != nil; {
		next := it.next
		if b.Invalidates(it.b) {
			q.remove(it)
			gone = append(gone, it)
		}
		it = next
	}
	return gone
}

// remove takes one out of the queue altogether.
func (q *TransmitLimitedQueue) remove(it *queued) {
	q.order.remove(it)
	q.forget(it)
}

// forget takes one that is no longer in the order out of the rest.
func (q *TransmitLimitedQueue) forget(it *queued) {
	if q.named[it.name] == it {
		delete(q.named, it.name)
	}
	q.plain.remove(it)
}

// finish tells broadcasts that they are through, without the lock: what they do
// about it is theirs.
func finish(gone []*queued) {
	for _, it := range gone {
		it.b.Finished()
	}
}

// GetBroadcasts returns messages that with overhead bytes for each take no more
// than limit, and counts them as sent once more.
func (q *TransmitLimitedQueue) GetBroadcasts(overhead, limit int) [][]byte {
	if q.NumQueued() == 0 {
		return nil
	}
	nodes := 0
	if q.NumNodes != nil {
		nodes = q.NumNodes()
	}
	taken, gone := q.take(overhead, limit, transmitLimit(q.RetransmitMult, nodes))
	var msgs [][]byte
	for _, it := range taken {
		msgs = append(msgs, it.b.Message())
	}
	finish(gone)
	return msgs
}

// take picks what fits into room and tells which of it was sent often enough.
func (q *TransmitLimitedQueue) take(overhead, room, most int) (taken, gone []*queued) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for it := q.order.min(); it != nil && room > overhead; {
		// Of those sent as often, the longest that fits; else the first of
		// those sent more often. What is taken leaves the order for now.
		sent := it.sent
		if it = q.order.next(sent, room-overhead, math.MaxUint64); it != nil && it.size <= room-overhead {
			q.order.remove(it)
			room -= overhead + it.size
			taken = append(taken, it)
		}
	}
	for _, it := range taken {
		if it.sent++; it.sent >= most {
			q.forget(it)
			gone = append(gone, it)
		} else {
			q.order.insert(it)
		}
	}
	return taken, gone
}

// transmitLimit is how often a broadcast is sent in a cluster of n nodes.
func transmitLimit(mult, n int) int {
	return mult * int(math.Ceil(math.Log10(float64(n+1))))
}

// NumQueued returns how many broadcasts wait.
func (q *TransmitLimitedQueue) NumQueued() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.order.size
}

// Prune takes out those that would be sent last until maxRetain are left.
func (q *TransmitLimitedQueue) Prune(maxRetain int) {
	var gone []*queued
	q.mu.Lock()
	for q.order.size > max(maxRetain, 0) {
		it := q.order.max()
		q.remove(it)
		gone = append(gone, it)
	}
	q.mu.Unlock()
	finish(gone)
}

// Reset empties the queue. The broadcasts are told that they are finished.
func (q *TransmitLimitedQueue) Reset() { q.Prune(0) }
