package muster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

// Bounds on what callers may have here under way. Of one stream it is what a
// link allows itself; in all, what a node can spare.
const (
	takenCalls    = 2 * windowCalls
	takenBytes    = 2 * max(windowBytes, wire.MaxUserMessage)
	takenBytesAll = 256 << 20
)

// servedLink is the other end of a peer's link: what it has sent and what it
// has asked for is under way here.
type servedLink struct {
	n      *Node
	from   netip.AddrPort
	hello  wire.Hello
	out    outbox
	in     frameReader
	ctx    context.Context // of its handlers; ends with the stream
	cancel context.CancelFunc
	loan

	mu    sync.Mutex
	taken map[uint64]*taken
	bytes int // of payload under way

	heard, seen uint64 // frames, now and when the reader looked
	quiet       time.Time

	line    waitingLine // of the request handlers, under their lock
	retired bool        // of the dispatcher, under its lock: deliver nothing more
}

// taken is a message or request that has begun to arrive and is not answered.
type taken struct {
	link    *servedLink
	kind    wire.FrameKind
	id      uint64
	topic   string
	wait    uint64 // of a request, microseconds
	bytes   int    // counted
	whole   bool
	payload assembly

	ctx    context.Context // of a request
	cancel context.CancelFunc
}

func (t *taken) message() Message {
	return Message{From: t.link.from, Sender: t.link.hello.From, Topic: t.topic, Payload: t.payload.b, Reliable: true}
}

// wanted tells whether a stream on which nothing arrives is kept: for a while,
// and while something that has arrived is not answered.
func (l *servedLink) wanted() bool {
	if l.heard != l.seen {
		l.seen, l.quiet = l.heard, time.Now()
	}
	if time.Since(l.quiet) < idleStream {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.taken {
		if t.whole {
			return true
		}
	}
	return false
}

func (l *servedLink) frame(f *wire.Frame) error {
	switch f.Kind {
	case wire.FrameSend, wire.FrameRequest:
		return l.first(f)
	case wire.FramePart:
		return l.part(f)
	case wire.FrameCancel:
		l.giveUp(f.ID)
		return nil
	}
	return fmt.Errorf("frame of kind %d from a caller: %w", f.Kind, wire.ErrType)
}

var errWindow = errors.New("the peer has more under way than it may, or one ID twice")

// first takes the beginning of a message or request in, which mostly is all of
// it.
func (l *servedLink) first(f *wire.Frame) error {
	t := &taken{link: l, kind: f.Kind, id: f.ID, topic: f.Topic, wait: f.Wait}
	done, err := t.payload.begin(f)
	if err != nil {
		return err
	}
	l.mu.Lock()
	if t.id == 0 || l.taken[t.id] != nil || len(l.taken) >= takenCalls {
		l.mu.Unlock()
		return errWindow
	}
	l.taken[t.id] = t
	l.mu.Unlock()
	return l.grown(t, len(t.payload.b), done)
}

// part takes more of one in. There is none when it was given up or refused.
func (l *servedLink) part(f *wire.Frame) error {
	l.mu.Lock()
	t := l.taken[f.ID]
	l.mu.Unlock()
	if t == nil {
		return nil
	}
	before := cap(t.payload.b)
	done, err := t.payload.add(f.Payload)
	if err != nil {
		return err
	}
	return l.grown(t, cap(t.payload.b)-before, done)
}

// grown counts more memory for a message, and has it answered when it is
// complete.
func (l *servedLink) grown(t *taken, more int, done bool) error {
	l.mu.Lock()
	t.bytes += more
	l.bytes += more
	t.whole = done
	over := l.bytes > takenBytes
	l.mu.Unlock()
	all := l.n.served.bytes.Add(int64(more))
	switch {
	case over:
		return errWindow
	case all > takenBytesAll:
		l.fail(t, wire.FailBusy, "")
	case !done:
	case t.kind == wire.FrameSend:
		l.n.deliver(t)
	default:
		l.n.handlers.submit(t)
	}
	return nil
}

// finish ends one; false means that the caller has given it up.
func (l *servedLink) finish(t *taken) bool {
	l.mu.Lock()
	if l.taken[t.id] != t {
		l.mu.Unlock()
		return false
	}
	delete(l.taken, t.id)
	l.bytes -= t.bytes
	l.mu.Unlock()
	l.n.served.bytes.Add(-int64(t.bytes))
	return true
}

// fail answers with a reason. The reader calls it, and sees it written.
func (l *servedLink) fail(t *taken, code wire.FailureCode, text string) {
	if l.finish(t) {
		if code == wire.FailBusy {
			l.n.counts.requestsRefused.Add(1)
		}
		l.out.add(&wire.Frame{Kind: wire.FrameFailure, ID: t.id, Code: code, Payload: []byte(text)})
	}
}

// giveUp forgets one that nobody waits for any more.
func (l *servedLink) giveUp(id uint64) {
	l.mu.Lock()
	t := l.taken[id]
	l.mu.Unlock()
	if t == nil || !l.finish(t) {
		return
	}
	if t.kind == wire.FrameSend {
		l.n.calls.withdraw(t)
	} else {
		l.n.handlers.withdraw(t)
	}
}
