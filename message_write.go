package muster

import (
	"slices"
	"time"

	"github.com/musterhq/muster/wire"
)

// write writes until nothing waits; once only a caller that does it himself.
// What is left then gets a goroutine.
func (o *outbox) write(once bool) {
	for o.next() {
		if err := o.send(); err != nil {
			o.fail(err)
			_ = o.conn.Close() // its reader ends, and tells why
			return
		}
		if once && o.handOver() {
			return
		}
	}
}

// handOver ends the writing of a caller. When more has come, it goes on in a
// goroutine.
func (o *outbox) handOver() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.backlog() == 0 || o.err != nil {
		return false
	}
	o.n.work.Go(func() { o.write(false) })
	return true
}

// next takes what is to be written now into batch.
func (o *outbox) next() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.backlog() == 0 || o.err != nil {
		o.writing = false
		o.shrink()
		return false
	}
	o.batch, o.frames = o.frames, o.batch[:0]
	o.taken = o.queued
	if len(o.large) > 0 {
		o.chunk()
	}
	o.room.Broadcast()
	return true
}

// chunk adds a part of the large message whose turn it is.
func (o *outbox) chunk() {
	g := o.large[0]
	n := min(len(g.rest), wire.MaxFramePayload)
	f := wire.Frame{Kind: wire.FramePart, ID: g.first.ID}
	if len(g.rest) == g.first.Size {
		f = g.first
	}
	f.Payload = g.rest[:n]
	o.batch = f.Append(o.batch)
	o.rest -= n
	if g.rest = g.rest[n:]; len(g.rest) == 0 {
		g.sent = time.Now()
		o.large = slices.Delete(o.large, 0, 1)
		return
	}
	o.large = append(slices.Delete(o.large, 0, 1), g)
}

// send seals the batch, each frame by itself, and writes it.
func (o *outbox) send() error {
	var err error
	for at := 0; at < len(o.batch) && err == nil; {
		end := at + wire.FramedLen(o.batch[at:])
		o.sealed, err = o.n.plain.AppendStreamMessage(o.sealed, o.batch[at:end])
		at = end
	}
	if err != nil {
		return err
	}
	now := time.Now()
	if o.due.Sub(now) < o.n.cfg.StreamTimeout*3/4 {
		o.due = now.Add(o.n.cfg.StreamTimeout)
		if err := o.conn.SetWriteDeadline(o.due); err != nil {
			return err
		}
	}
	_, err = o.conn.Write(o.sealed)
	o.sealed = o.sealed[:0]
	return err
}

// shrink gives back what a burst has needed.
func (o *outbox) shrink() {
	if cap(o.batch) > packetMax {
		o.batch = nil
	}
	if cap(o.frames) > packetMax {
		o.frames = nil
	}
	if cap(o.sealed) > 2*packetMax {
		o.sealed = nil
	}
}
