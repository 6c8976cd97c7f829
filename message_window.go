package muster

import (
	"context"
	"slices"
	"time"

	"github.com/musterhq/muster/wire"
)

// What is under way to one peer is bounded, for sends and for requests alike:
// an application that is slow to take messages does not keep its node from
// answering. Whoever comes then waits his turn. The peer holds its callers to
// the same bounds.
const (
	windowBytes = 4 << 20 // of payload, or one message, however large
	windowCalls = 1024
)

// window is what is under way of one kind.
type window struct {
	calls, bytes int
	queue        []*pending // that wait until there is room
}

func (w *window) fits(size int) bool {
	return w.calls == 0 || w.calls < windowCalls && w.bytes+size <= windowBytes
}

// begin gives a call its ID once there is room for it.
func (l *link) begin(ctx context.Context, f *wire.Frame) (*pending, error) {
	l.mu.Lock()
	if l.err != nil {
		l.mu.Unlock()
		return nil, errRetry
	}
	c := l.fresh()
	c.frame, c.size = *f, len(f.Payload)
	w := l.window(c)
	if len(w.queue) == 0 && w.fits(c.size) {
		l.admit(c)
		// So little is under way that the buffers of the stream will take a
		// small frame even if the peer is not reading just now.
		c.quiet = l.sends.bytes+l.requests.bytes <= 4*inlineMax && len(l.calls) <= inlineCalls
		l.mu.Unlock()
		return c, nil
	}
	w.queue = append(w.queue, c)
	l.mu.Unlock()
	var err error
	select {
	case <-c.turn:
		if c.frame.ID == 0 {
			err = errRetry
		}
	case <-ctx.Done():
		l.leave(c)
		err = ctx.Err()
	}
	if err != nil {
		l.release(c)
		return nil, err
	}
	return c, nil
}

const inlineCalls = 64

func (l *link) window(c *pending) *window {
	if c.frame.Kind == wire.FrameRequest {
		return &l.requests
	}
	return &l.sends
}

func (l *link) admit(c *pending) {
	l.last++
	c.frame.ID = l.last
	l.calls[l.last] = c
	w := l.window(c)
	w.calls++
	w.bytes += c.size
	if l.reader == nobody {
		l.reader, l.leader, c.leads = byCaller, c, true
	}
}

// drop ends a call for the link, and lets those go on for whom there is room.
func (l *link) drop(c *pending) {
	delete(l.calls, c.frame.ID)
	w := l.window(c)
	w.calls--
	w.bytes -= c.size
	for len(w.queue) > 0 && w.fits(w.queue[0].size) {
		next := w.queue[0]
		w.queue = slices.Delete(w.queue, 0, 1)
		l.admit(next)
		next.turn <- struct{}{}
	}
}

// leave gives up waiting for a turn, which may just have come.
func (l *link) leave(c *pending) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := l.window(c)
	if i := slices.Index(w.queue, c); i >= 0 {
		w.queue = slices.Delete(w.queue, i, i+1)
		return
	}
	<-c.turn
	switch {
	case l.calls[c.frame.ID] == c:
		l.drop(c)
	case c.frame.ID != 0:
		<-c.done // the link has ended meanwhile
	}
	if c.leads {
		l.passOn()
	}
}

// fresh returns a call that nobody uses. They are a link's own, not of all the
// process: a channel or timer must not leave the bubble of a test on virtual
// time.
func (l *link) fresh() *pending {
	if n := len(l.free); n > 0 {
		c := l.free[n-1]
		l.free = l.free[:n-1]
		return c
	}
	c := &pending{turn: make(chan struct{}, 1), done: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
	c.timer.Stop()
	return c
}

const callsFree = 32 // calls kept for use again

// release gives a call back. A link without calls ends when there are many.
func (l *link) release(c *pending) {
	*c = pending{turn: c.turn, done: c.done, timer: c.timer}
	crowded := l.n.streams.crowded()
	l.mu.Lock()
	if len(l.free) < callsFree {
		l.free = append(l.free, c)
	}
	over := crowded && len(l.calls) == 0 && l.err == nil
	if over {
		l.err = errIdle // so that no call begins any more
	}
	l.mu.Unlock()
	if over {
		l.end(errIdle)
	}
}
