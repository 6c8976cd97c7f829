package memberlist

import (
	"errors"
	"sync"
)

// outbox keeps packets for a transport that may block while it sends one: each
// address has a queue, and as long as that is not empty a goroutine, so that
// one address that hangs holds up nothing else. What does not fit is lost, as
// it would be on the network.
type outbox struct {
	write func(b []byte, to Address) error

	mu     sync.Mutex
	queues map[Address]*outQueue
	closed bool
}

type outQueue struct {
	packets [][]byte
	bytes   int
}

// What may wait for one address, and for how many addresses something may.
const (
	outPackets = 256
	outBytes   = 16 << 20 // one packet always fits
	outPeers   = 4096
)

// errOutboxFull means that the packet was dropped.
var errOutboxFull = errors.New("too many packets wait for this address")

func newOutbox(write func(b []byte, to Address) error) *outbox {
	return &outbox{write: write, queues: make(map[Address]*outQueue)}
}

// post queues a copy of b.
func (o *outbox) post(b []byte, to Address) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := o.queues[to]
	switch {
	case o.closed:
		return errClosed
	case q == nil && len(o.queues) >= outPeers:
		return errOutboxFull
	case q != nil && (len(q.packets) >= outPackets || q.bytes > 0 && q.bytes+len(b) > outBytes):
		return errOutboxFull
	case q == nil:
		q = &outQueue{}
		o.queues[to] = q
		go o.send(q, to)
	}
	q.packets = append(q.packets, append([]byte(nil), b...))
	q.bytes += len(b)
	return nil
}

// send empties one queue. An error is the writer's to report: there is nothing
// to be done about a packet that was lost.
func (o *outbox) send(q *outQueue, to Address) {
	for {
		o.mu.Lock()
		batch := q.packets
		if q.packets, q.bytes = nil, 0; len(batch) == 0 || o.closed {
			delete(o.queues, to)
			o.mu.Unlock()
			return
		}
		o.mu.Unlock()
		for _, b := range batch {
			if o.write(b, to) != nil {
				break // the rest would wait as long for the same
			}
		}
	}
}

// close drops what waits. Goroutines that the transport holds end when it lets
// them go.
func (o *outbox) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for _, q := range o.queues {
		q.packets, q.bytes = nil, 0
	}
}
