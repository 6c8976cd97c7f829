package muster

import (
	"context"
	"errors"
	"slices"
	"sync"
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

// link is this node's stream to one peer. It carries all sends and requests
// there, many at a time, whose answers come in any order.
type link struct {
	n  *Node
	to peer
	up chan struct{} // closed when there is a stream, or dialing has failed

	out outbox
	in  frameReader // of whoever reads

	mu              sync.Mutex
	calls           map[uint64]*pending // under way
	sends, requests window
	last            uint64 // ID given
	open            bool   // there is a stream
	err             error  // why no call can begin
	free            []*pending
	reading
}

// pending is one send or request, of one caller.
type pending struct {
	frame  wire.Frame
	size   int
	leads  bool          // its caller reads the stream
	quiet  bool          // its caller may write it himself
	turn   chan struct{} // there is room, or there never will be
	done   chan struct{} // it is answered, or never will be
	timer  *time.Timer   // for an ack
	sent   time.Time     // a send, by a caller that reads
	ticket ticket
	answer assembly
	err    error
}

// errRetry tells that a call may be made again: its stream has ended and the
// peer cannot have got it.
var errRetry = errors.New("the stream ended before the message was written")

// roundTrip makes one call and returns the reply, if it is a request.
func (l *link) roundTrip(ctx context.Context, f *wire.Frame) ([]byte, error) {
	c, err := l.begin(ctx, f)
	if err != nil {
		return nil, err
	}
	if f.Kind == wire.FrameRequest {
		c.frame.Wait = patience(ctx)
	}
	c.ticket = l.out.put(&c.frame, c.quiet)
	if c.leads {
		err = l.lead(ctx, c)
	} else {
		err = l.follow(ctx, c)
	}
	if c.ticket.large != nil {
		l.out.withdraw(c.ticket) // the payload is the caller's again
	}
	reply := c.answer.b
	l.release(c)
	return reply, err
}

// follow waits until whoever reads has the answer, or the call is given up.
func (l *link) follow(ctx context.Context, c *pending) error {
	if c.frame.Kind == wire.FrameSend {
		c.timer.Reset(l.n.cfg.StreamTimeout)
		defer c.timer.Stop()
	}
	for {
		select {
		case <-c.done:
			return l.outcome(c)
		case <-ctx.Done():
			return l.abandon(c, ctx.Err())
		case <-c.timer.C:
			if more := l.patient(c); more > 0 {
				c.timer.Reset(more)
				continue
			}
			return l.abandon(c, ErrNoAck)
		}
	}
}

// outcome is a call's error. Of a stream that broke it makes out whether the
// peer may have got the message.
func (l *link) outcome(c *pending) error {
	var broken *brokenError
	if errors.As(c.err, &broken) {
		if handed, _ := l.out.handed(c.ticket); !handed {
			return errRetry
		}
	}
	return c.err
}

// patient tells how much longer a send may wait for its ack. For a large one
// the time begins when the last of it was handed to the stream.
func (l *link) patient(c *pending) time.Duration {
	if c.ticket.large == nil {
		return 0
	}
	handed, since := l.out.handed(c.ticket)
	if !handed {
		return l.n.cfg.StreamTimeout // a stream that stands still breaks
	}
	return time.Until(since.Add(l.n.cfg.StreamTimeout))
}

// patience is how long a caller will wait for a reply, in microseconds.
func patience(ctx context.Context) uint64 {
	d, ok := ctx.Deadline()
	if !ok {
		return 0
	}
	return uint64(max(time.Until(d).Microseconds(), 1))
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

// abandon gives a call up and tells the peer so, unless it was answered just
// now.
func (l *link) abandon(c *pending, why error) error {
	l.mu.Lock()
	if l.calls[c.frame.ID] != c {
		l.mu.Unlock()
		<-c.done
		return l.outcome(c)
	}
	l.drop(c)
	l.mu.Unlock()
	l.out.withdraw(c.ticket)
	l.out.put(&wire.Frame{Kind: wire.FrameCancel, ID: c.frame.ID}, false)
	return why
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
	l.mu.Lock()
	if len(l.free) < callsFree {
		l.free = append(l.free, c)
	}
	idle := len(l.calls) == 0 && l.err == nil
	l.mu.Unlock()
	if idle && l.n.streams.crowded() {
		l.close(errIdle)
	}
}
