package muster

import (
	"net"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

// outbox holds the frames that wait to be written on one stream, and writes
// them: many small ones with one write, and of each large payload one chunk at
// a time in between, so that a message of 20 MiB holds up another by no more
// than 32 KiB. There is a goroutine only while there is something to write.
type outbox struct {
	n    *Node
	conn net.Conn

	mu      sync.Mutex
	room    sync.Cond  // for those that wait until less is waiting
	frames  []byte     // small frames, one after the other
	large   []*chunked // take turns
	rest    int        // bytes of the large ones
	queued  uint64     // small frames ever
	taken   uint64     // of them handed to a write
	writing bool
	err     error // why nothing is written any more

	// Of whoever is writing.
	batch, sealed []byte
	due           time.Time // the deadline of writes
}

// chunked is a payload too large for one frame.
type chunked struct {
	first wire.Frame // sent with the first chunk, then its parts
	rest  []byte
	sent  time.Time // when the last chunk was handed to a write
}

// ticket tells later what has become of a frame.
type ticket struct {
	small uint64 // its number among the small ones, from 1
	large *chunked
}

// inlineMax is how much a caller writes himself: it must fit the buffers of a
// stream whose other end is not reading just now, for he cannot be interrupted.
const inlineMax = 8 << 10

func (o *outbox) init(n *Node, conn net.Conn) {
	o.n, o.conn = n, conn
	o.room.L = &o.mu
}

// put queues a frame and sees to it that it is written. The payload of a large
// one is read until its last chunk is written or it is withdrawn. self tells
// that the caller writes it himself if nobody else is writing.
func (o *outbox) put(f *wire.Frame, self bool) ticket {
	o.mu.Lock()
	t := o.push(f)
	o.kick(self)
	return t
}

// add queues a frame that something else will see written: a put or a flush.
func (o *outbox) add(f *wire.Frame) {
	o.mu.Lock()
	o.push(f)
	o.mu.Unlock()
}

// flush writes what was added, by the caller himself.
func (o *outbox) flush() {
	o.mu.Lock()
	o.kick(true)
}

// kick gets somebody to write. It releases the lock.
func (o *outbox) kick(self bool) {
	if o.writing || o.err != nil || o.backlog() == 0 {
		o.mu.Unlock()
		return
	}
	o.writing = true
	if self && o.backlog() <= inlineMax {
		o.mu.Unlock()
		o.write(true)
		return
	}
	// With the lock held the reader of the stream has not ended, so that the
	// node does not stop waiting for goroutines just now.
	o.n.work.Go(func() { o.write(false) })
	o.mu.Unlock()
}

// push queues a frame without seeing to it that it is written.
func (o *outbox) push(f *wire.Frame) ticket {
	if o.err != nil {
		return ticket{small: o.queued + 1} // which is never taken
	}
	if len(f.Payload) > wire.MaxFramePayload {
		g := &chunked{first: *f, rest: f.Payload}
		o.large = append(o.large, g)
		o.rest += len(g.rest)
		return ticket{large: g}
	}
	o.frames = f.Append(o.frames)
	o.queued++
	return ticket{small: o.queued}
}

func (o *outbox) backlog() int { return len(o.frames) + o.rest }

// withdraw takes back a large message that has not been written to its end.
func (o *outbox) withdraw(t ticket) {
	if t.large == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if i := slices.Index(o.large, t.large); i >= 0 {
		o.rest -= len(t.large.rest)
		o.large = slices.Delete(o.large, i, i+1)
		o.room.Broadcast()
	}
}

// handed tells whether all of a message has been handed to a write, so that the
// other end may have it, and of a large one since when.
func (o *outbox) handed(t ticket) (bool, time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if t.large != nil {
		return !t.large.sent.IsZero(), t.large.sent
	}
	return t.small <= o.taken, time.Time{}
}

// drain waits until at most that many bytes wait, and tells whether the stream
// still works.
func (o *outbox) drain(most int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.backlog() > 4*inlineMax && !o.writing && o.err == nil {
		o.writing = true
		o.n.work.Go(func() { o.write(false) }) // what was only added
	}
	for o.backlog() > most && o.err == nil {
		o.room.Wait()
	}
	return o.err == nil
}

// fail drops what waits, since nothing can be written any more, and returns the
// first reason for that.
func (o *outbox) fail(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.err = err
	}
	o.writing, o.frames, o.large, o.rest = false, nil, nil, 0
	o.room.Broadcast()
	return o.err
}
