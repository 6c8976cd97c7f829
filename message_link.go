package muster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

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
