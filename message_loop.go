package muster

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/wire"
)

// A goroutine for each request would take longer to begin than most requests
// take. So whoever reads a link handles a request himself when it is the only
// one there is. If that takes longer, another goroutine goes on reading in his
// place; and if it happens, the next requests have goroutines of their own.

// loan is that of the reader to a handler.
type loan struct {
	turn    atomic.Uint32 // odd while the reader is in a handler
	timer   *time.Timer   // looks after it
	armed   atomic.Bool
	watched atomic.Uint32 // turn, when the timer last looked
	slow    int           // requests that get goroutines
	now     *taken        // to be handled by the reader
	f       Handler
	hung    func() bool
}

const (
	loanTime  = time.Millisecond // at least; at most twice that
	loanPause = 256              // requests
)

// start has the stream read from now on, by a goroutine that the node waits for
// when it is closed, while it reads.
func (l *servedLink) start() {
	l.ctx, l.cancel = context.WithCancel(l.n.ctx)
	l.hung = context.AfterFunc(l.n.ctx, func() { l.n.hangUp(l.in.conn) })
	l.timer = time.AfterFunc(time.Hour, l.lookAfter)
	l.timer.Stop()
	l.n.work.Add(1)
	go l.serve()
}

// serve reads until the stream ends, or until a handler takes so long that
// another goroutine does so.
func (l *servedLink) serve() {
	for {
		err := l.next()
		if err != nil {
			l.end(err)
			l.n.work.Done()
			return
		}
		if l.now != nil && !l.handle() {
			return
		}
	}
}

// next takes one frame in.
func (l *servedLink) next() error {
	if !l.in.whole() {
		l.out.flush() // the answers to all that came at once
	}
	begun, err := l.in.await()
	switch {
	case err != nil:
		return io.EOF // it has nothing more to say
	case !begun && !l.wanted():
		return io.EOF
	case !begun:
		return nil
	}
	l.heard++
	var f wire.Frame
	if err = l.in.read(&f); err == nil {
		err = l.frame(&f)
	}
	// A peer that does not read its answers is not heard either.
	if err == nil && !l.out.drain(windowBytes) {
		err = io.EOF
	}
	return err
}

// alone tells whether a request may be handled by the reader, who calls it: it
// is the only one, and the last did not take long.
func (l *servedLink) alone() bool {
	if l.slow > 0 {
		l.slow--
		return false
	}
	if l.in.r.Buffered() > 0 {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.taken) == 1
}

// handle has the reader handle a request. False means that another goroutine
// reads now.
func (l *servedLink) handle() bool {
	t, f := l.now, l.f
	l.now, l.f = nil, nil
	turn := l.turn.Add(1)
	l.arm()
	reply, err := f(t.ctx, t.message())
	back := l.turn.CompareAndSwap(turn, turn+1)
	l.reply(t, reply, err, back)
	t.cancel()
	h := &l.n.handlers
	t, f = h.next(&l.line)
	switch {
	case !back:
		h.run(t, f)
	case t != nil:
		go h.run(t, f)
	}
	return back
}

// arm has the timer look soon. It goes on by itself while the reader handles
// requests: setting it for each would cost as much as a goroutine.
func (l *servedLink) arm() {
	if l.armed.CompareAndSwap(false, true) {
		l.timer.Reset(loanTime)
	}
}

// lookAfter goes on reading in place of a reader that is still in the handler
// that it was in when the timer last looked.
func (l *servedLink) lookAfter() {
	turn := l.turn.Load()
	before := l.watched.Swap(turn)
	switch {
	case turn != before:
		l.timer.Reset(loanTime)
	case turn%2 == 1 && l.turn.CompareAndSwap(turn, turn+1):
		l.armed.Store(false)
		l.slow = loanPause
		l.serve()
	default:
		l.armed.Store(false)
		if l.turn.Load() != turn {
			l.arm() // it began to handle one in this very moment
		}
	}
}

// end forgets all that is under way.
func (l *servedLink) end(why error) {
	if why != io.EOF && l.n.ctx.Err() == nil {
		l.n.counts.streamErrors.Add(1)
		l.n.complain("stream of messages", l.from, why)
	}
	l.hung()
	l.n.hangUp(l.in.conn)
	l.n.served.leave(l)
	l.cancel()
	if err := l.out.fail(io.EOF); !errors.Is(err, io.EOF) && l.n.ctx.Err() == nil {
		l.n.complain("stream of messages", l.from, err)
	}
	l.n.calls.retire(l)
	l.n.handlers.forget(l)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n.served.bytes.Add(-int64(l.bytes))
	l.bytes, l.taken = 0, map[uint64]*taken{}
}
