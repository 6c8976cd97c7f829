package muster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/musterhq/muster/wire"
)

// sendAlone delivers one message over a stream of its own, which is
// memberlist's way: the peer closes it having read the message.
func (n *Node) sendAlone(ctx context.Context, to peer, payload []byte) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.StreamTimeout)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)()
	conn, r, err := n.open(ctx, to.addr, to.name)
	if err != nil {
		return err
	}
	defer n.hangUp(conn)
	// Ends what is waited for; there is nothing to do about an error.
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })()
	b, err := n.stream(n.codec.AppendLabelHeader(nil), wire.AppendUserStream(nil, payload, wire.CapMuster))
	if err == nil {
		_, err = conn.Write(b)
	}
	if err == nil {
		err = n.taken(r, to.caps)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// errRefused is what a muster peer says by closing a stream without an ack.
var errRefused = errors.New("the peer closed the stream without taking the message in")

// taken waits for a memberlist peer to close, or for the ack of a muster peer
// of which only the address is known. Closing is an answer only from a peer that
// is not known to be muster.
func (n *Node) taken(r *bufio.Reader, caps wire.Caps) error {
	msg, err := n.codec.ReadStreamMessage(r, packetMax)
	switch {
	case errors.Is(err, io.EOF):
		if caps&wire.CapMuster != 0 {
			return errRefused
		}
		return nil
	case err != nil:
		return err
	}
	var ack wire.Ack
	var refused wire.Error
	switch wire.Type(msg[0]) {
	case wire.TypeAck:
		return ack.Decode(msg[1:])
	case wire.TypeError:
		if err := refused.Decode(msg[1:]); err != nil {
			return err
		}
		return fmt.Errorf("refused by the peer: %q", refused.Error)
	}
	return fmt.Errorf("message type %d in answer to a user message", msg[0])
}
