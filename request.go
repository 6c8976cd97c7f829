package muster

import (
	"context"
	"errors"
	"fmt"

	"github.com/musterhq/muster/wire"
)

// Errors of messages and requests. Unless one says otherwise, the other side
// has taken nothing in.
var (
	// ErrUnsupported is for a memberlist member, and for one that was heard of
	// only through such: the next ping between the two tells the difference.
	ErrUnsupported = errors.New("the member is not known to speak muster's messages")
	ErrNoHandler   = errors.New("nobody handles the topic there")
	ErrNamespace   = errors.New("the member's namespace is not related")
	// ErrNoAck ends a Send when the peer has not said within
	// Config.StreamTimeout whether it keeps the message: it may still do so,
	// but not after a message that is sent later.
	ErrNoAck = fmt.Errorf("the peer has not said whether it keeps the message: %w", context.DeadlineExceeded)
)

// RemoteError is what another member's handler has returned.
type RemoteError struct {
	Member string
	Text   string // the first 1024 bytes
}

func (e *RemoteError) Error() string { return fmt.Sprintf("%q answered: %s", e.Member, e.Text) }

// Request asks the member of that name and returns what its handler for the
// topic (see Handle) returned: the reply, or its error as a *RemoteError. Many
// requests are under way at a time over one stream, and answers overtake each
// other. The handler's context ends with ctx, whose deadline travels along.
//
// ErrNoHandler, ErrBusy, ErrUnknown and ErrUnsupported tell that nothing was
// done. When the stream breaks before the reply, or ctx ends, the handler may
// have run: only the application knows whether it may be asked again.
func (n *Node) Request(ctx context.Context, to, topic string, payload []byte) ([]byte, error) {
	p, err := n.lookup(to)
	if err == nil {
		err = fitting(topic, payload)
	}
	if err == nil && p.caps&wire.CapMessage == 0 {
		err = ErrUnsupported
	}
	var reply []byte
	if err == nil {
		reply, err = n.streams.call(ctx, p, &wire.Frame{Kind: wire.FrameRequest, Size: len(payload), Topic: topic, Payload: payload})
	}
	switch {
	case err == nil:
		n.counts.requestsSent.Add(1)
		return reply, nil
	case n.ctx.Err() != nil:
		err = ErrClosed
	}
	return nil, fmt.Errorf("request to %q on topic %q: %w", to, topic, err)
}

// Handler answers a request. Its context ends when the caller gives up or is
// gone, at the caller's deadline, and when the node is closed. The reply must
// not be changed after it was returned.
type Handler func(ctx context.Context, m Message) (reply []byte, err error)

// Handle has f answer the requests for a topic, in place of whoever did so far,
// until cancel is called. Requests are handled concurrently, at most
// Config.RequestsMax at a time and three quarters of that for one member; four
// times as many wait, more are refused with ErrBusy. A panic in f is the
// program's, as in any goroutine: it is not recovered.
func (n *Node) Handle(topic string, f Handler) (cancel func()) {
	h := &n.handlers
	entry := &f
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics == nil {
		h.topics = make(map[string]*Handler)
	}
	h.topics[topic] = entry
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.topics[topic] == entry {
			delete(h.topics, topic)
		}
	}
}
