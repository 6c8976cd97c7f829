package muster

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterhq/muster/wire"
)

// run dials. From then on the stream is read as need be.
func (l *link) run(epoch uint64) {
	defer close(l.up)
	ctx, cancel := context.WithTimeout(l.n.ctx, l.n.cfg.StreamTimeout)
	defer cancel()
	conn, r, err := l.n.open(ctx, l.to.addr, l.to.name)
	if err != nil {
		l.end(err)
		return
	}
	l.in = frameReader{n: l.n, conn: conn, r: r}
	l.out.init(l.n, conn)
	l.out.sealed = l.n.codec.AppendLabelHeader(nil)
	l.out.frames = (&wire.Frame{Kind: wire.FrameHello, Hello: wire.Hello{
		Version: wire.FrameVersion, Session: l.n.streams.session(l.to.addr), Epoch: epoch, From: l.n.cfg.Name, To: l.to.name, Namespace: l.n.cfg.Namespace,
	}}).Append(nil)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open = l.err == nil; !l.open {
		l.n.hangUp(conn) // the node was closed meanwhile
		return
	}
	l.passOn() // to the first caller, if there still is one
}

// take gives a caller what he waits for. Nobody waits for the answer to a call
// that was given up.
func (l *link) take(f *wire.Frame) error {
	if f.Kind == wire.FrameFailure && f.ID == 0 {
		return l.failure(f)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.calls[f.ID]
	if c == nil {
		return nil
	}
	done, err := true, error(nil)
	switch asked := c.frame.Kind; {
	case f.Kind == wire.FrameFailure:
		c.err = l.failure(f)
	case f.Kind == wire.FrameAck && asked == wire.FrameSend:
	case f.Kind == wire.FrameReply && asked == wire.FrameRequest:
		done, err = c.answer.begin(f)
	case f.Kind == wire.FramePart && asked == wire.FrameRequest:
		done, err = c.answer.add(f.Payload)
	default:
		err = fmt.Errorf("answer of kind %d to a call of kind %d: %w", f.Kind, asked, wire.ErrMalformed)
	}
	if err == nil && done {
		l.drop(c)
		c.done <- struct{}{}
	}
	return err
}

// failure translates what the peer says.
func (l *link) failure(f *wire.Frame) error {
	switch f.Code {
	case wire.FailHandler:
		return &RemoteError{Member: l.to.name, Text: string(f.Payload)}
	case wire.FailNoHandler:
		return ErrNoHandler
	case wire.FailBusy:
		return ErrBusy
	case wire.FailTooLarge:
		return ErrTooLarge
	case wire.FailUnknown:
		return ErrUnknown
	case wire.FailNamespace:
		return ErrNamespace
	}
	return fmt.Errorf("refused by the peer for reason %d", f.Code)
}

// brokenError ends the calls under way on a stream that broke.
type brokenError struct{ cause error }

func (e *brokenError) Error() string {
	return fmt.Sprintf("the stream broke before the peer answered, which may have got it: %v", e.cause)
}

func (e *brokenError) Unwrap() error { return e.cause }

// end closes the stream and tells everybody that the link is of no more use.
func (l *link) end(why error) {
	if l.in.conn != nil {
		why = l.out.fail(why)
		l.n.hangUp(l.in.conn)
	}
	l.n.streams.remove(l, why)
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, c := range l.calls {
		delete(l.calls, id)
		c.err = asked(l.err)
		c.done <- struct{}{}
	}
	for _, c := range append(l.sends.queue, l.requests.queue...) {
		c.turn <- struct{}{}
	}
	l.sends, l.requests = window{}, window{}
	l.reader, l.leader = nobody, nil
	if l.linger != nil {
		l.linger.Stop()
	}
}

// asked is what a stream's end means for the calls on it: when the peer has
// refused the stream it has taken none of them.
func asked(why error) error {
	for _, refused := range []error{ErrBusy, ErrUnknown, ErrNamespace} {
		if errors.Is(why, refused) {
			return refused
		}
	}
	return &brokenError{why}
}

// assembly is a payload that comes in parts. Its memory grows with what has
// come, not with what is said to come.
type assembly struct {
	b    []byte
	size int
}

// begin takes the first frame in, and tells whether it was the last, too.
func (a *assembly) begin(f *wire.Frame) (bool, error) {
	if a.b != nil {
		return false, fmt.Errorf("payload begun twice: %w", wire.ErrMalformed)
	}
	a.b, a.size = f.Payload, f.Size
	return len(a.b) == a.size, nil
}

// add takes a part in, and tells whether it was the last.
func (a *assembly) add(part []byte) (bool, error) {
	if a.b == nil || len(part) == 0 || len(part) > a.size-len(a.b) {
		return false, fmt.Errorf("part of a payload: %w", wire.ErrMalformed)
	}
	if need := len(a.b) + len(part); need > cap(a.b) {
		grown := make([]byte, len(a.b), min(a.size, 2*need))
		copy(grown, a.b)
		a.b = grown
	}
	a.b = append(a.b, part...)
	return len(a.b) == a.size, nil
}
