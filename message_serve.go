package muster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/swim"
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

// servedLinks are those that peers have open here.
type servedLinks struct {
	mu    sync.Mutex
	links map[uint64]*servedLink // by session
	bytes atomic.Int64           // of payload under way in all
}

// enter makes l the stream of its session in place of an older one, which is
// returned. The caller had given that one up: what it has not delivered yet
// must not come after what the new one brings.
func (s *servedLinks) enter(l *servedLink) (old *servedLink, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.links[l.hello.Session]
	if old != nil && old.hello.Epoch >= l.hello.Epoch {
		return nil, false
	}
	if s.links == nil {
		s.links = make(map[uint64]*servedLink)
	}
	s.links[l.hello.Session] = l
	return old, true
}

func (s *servedLinks) leave(l *servedLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links[l.hello.Session] == l {
		delete(s.links, l.hello.Session)
	}
}

func (s *servedLinks) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}

// messages serves a stream that began with a TypeMessage, to its end.
func (s *served) messages(first []byte) error {
	var f wire.Frame
	if err := f.Decode(first); err != nil {
		return err
	}
	if f.Kind != wire.FrameHello || f.Hello.Version != wire.FrameVersion {
		return fmt.Errorf("a stream of messages begins with %d: %w", f.Kind, wire.ErrType)
	}
	l := &servedLink{n: s.n, from: s.from, hello: f.Hello, taken: make(map[uint64]*taken)}
	l.hello.From, l.hello.To, l.hello.Namespace = strings.Clone(f.Hello.From), "", strings.Clone(f.Hello.Namespace)
	l.in = frameReader{n: s.n, conn: s.conn, r: s.r}
	l.out.init(s.n, s.conn)
	code := s.n.admit(&f.Hello)
	if code == 0 && s.n.served.open() >= keptMax {
		code = wire.FailBusy
	}
	if code != 0 {
		return l.refuse(s, code)
	}
	s.release() // what it may do from now on is bounded otherwise
	old, ok := s.n.served.enter(l)
	if !ok {
		return io.EOF // overtaken by a newer one
	}
	if old != nil {
		s.n.calls.retire(old)
		s.n.hangUp(old.in.conn)
	}
	l.start()
	s.moved = true
	return io.EOF
}

// admit decides whether a peer may talk to this node; other than 0 is why not.
// All messages and requests of muster peers pass here.
func (n *Node) admit(h *wire.Hello) wire.FailureCode {
	if h.To != "" && h.To != n.cfg.Name {
		return wire.FailUnknown // that member is gone, and its address was taken over
	}
	if !swim.Related(h.Namespace, n.cfg.Namespace) {
		return wire.FailNamespace
	}
	return 0
}

// refuse tells the peer why the stream ends, and waits for it to hang up: what
// it has sent already would otherwise destroy the answer on its way.
func (l *servedLink) refuse(s *served, code wire.FailureCode) error {
	s.n.counts.streamsRefused.Add(1)
	l.out.add(&wire.Frame{Kind: wire.FrameFailure, Code: code})
	l.out.flush()
	if err := s.deadline(s.n.cfg.StreamTimeout); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, s.r, windowBytes)
	if err != nil {
		return io.EOF // also when it takes too long
	}
	return errWindow
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

var errWindow = errors.New("the peer has more under way than it may")

// first takes the beginning of a message or request in, which mostly is all of
// it.
func (l *servedLink) first(f *wire.Frame) error {
	t := &taken{link: l, kind: f.Kind, id: f.ID, topic: f.Topic, wait: f.Wait}
	done, err := t.payload.begin(f)
	if err != nil {
		return err
	}
	l.mu.Lock()
	if l.taken[t.id] != nil || len(l.taken) >= takenCalls {
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
