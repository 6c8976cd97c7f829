package muster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

// peer is whom a message goes to: an address, and what is known of who is there.
type peer struct {
	addr netip.AddrPort
	name string    // empty when it is not known
	caps wire.Caps // none when it is no member
	crc  bool      // it checks a packet's
}

// lookup finds a member that messages can be sent to.
func (n *Node) lookup(name string) (peer, error) {
	if n.ctx.Err() != nil {
		return peer{}, ErrClosed
	}
	m, ok := n.Member(name)
	if !ok || m.State > Suspect {
		return peer{}, ErrUnknown
	}
	return peerOf(&m), nil
}

func peerOf(m *Member) peer {
	return peer{addr: m.Addr, name: m.Name, caps: m.Caps, crc: m.Versions[1] >= 5}
}

// peerAt tells what is known of who is at an address: the member of that name
// if it is there, else any that is.
func (n *Node) peerAt(to netip.AddrPort, name string) peer {
	if m, ok := n.Member(name); ok && m.Addr == to {
		return peerOf(&m)
	}
	all := n.all()
	for i := range all {
		if m := &all[i]; m.Addr == to && m.State <= Suspect && name == "" {
			return peerOf(m)
		}
	}
	return peer{addr: to, name: name}
}

// Send delivers payload, at most 20 MiB, to the member of that name, over a
// stream. Nil means that the other node has taken it in: a muster peer says so,
// a memberlist peer closes the stream having read it.
func (n *Node) Send(ctx context.Context, to string, payload []byte) error {
	p, err := n.lookup(to)
	if err == nil {
		err = n.send(ctx, p, payload)
	}
	if err != nil {
		return fmt.Errorf("send to %q: %w", to, err)
	}
	return nil
}

// SendTo is Send to whoever is at an address, member or not. The name may be
// empty; it is for a Transport that needs it.
func (n *Node) SendTo(ctx context.Context, to netip.AddrPort, name string, payload []byte) error {
	if err := n.send(ctx, n.peerAt(to, name), payload); err != nil {
		return fmt.Errorf("send to %q at %v: %w", name, to, err)
	}
	return nil
}

func (n *Node) send(ctx context.Context, to peer, payload []byte) error {
	if len(payload) > wire.MaxUserMessage {
		return fmt.Errorf("%d bytes, at most %d: %w", len(payload), wire.MaxUserMessage, ErrTooLarge)
	}
	s, err := n.streams.get(ctx, to.addr)
	if err != nil {
		return err
	}
	defer n.streams.put(to.addr, s)
	reused := s.conn != nil
	err = n.sendOn(ctx, s, &to, payload)
	if reused && errors.Is(err, io.EOF) {
		// The peer has closed the stream before it answered, most likely
		// restarted since the last message: it has not got this one.
		err = n.sendOn(ctx, s, &to, payload)
	}
	switch {
	case err == nil:
		n.counts.messagesSent.Add(1)
	case n.ctx.Err() != nil:
		return ErrClosed
	}
	return err
}

// sendOn writes one message and waits until it is taken in.
func (n *Node) sendOn(ctx context.Context, s *peerStream, to *peer, payload []byte) (err error) {
	defer func() {
		if err != nil {
			n.streams.drop(s)
		}
	}()
	deadline := time.Now().Add(n.cfg.StreamTimeout)
	if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
		deadline = d
	}
	b := s.buf[:0]
	if s.conn == nil {
		if err := n.connect(ctx, s, to, deadline); err != nil {
			return err
		}
		b = n.codec.AppendLabelHeader(b)
	}
	if err := s.conn.SetDeadline(deadline); err != nil {
		return err
	}
	if ctx.Done() != nil {
		conn := s.conn
		// Unblocks reads and writes; a connection that is closed needs none.
		stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
		defer func() {
			if !stop() {
				n.streams.drop(s) // the deadline is spoilt for the next message
			}
		}()
	}
	s.msg = wire.AppendUserStream(s.msg[:0], payload, wire.CapMuster)
	b, err = n.stream(b, s.msg)
	if s.buf = b; cap(s.buf) > packetMax {
		s.msg, s.buf = nil, nil
	}
	if err != nil {
		return err
	}
	if _, err = s.conn.Write(b); err != nil {
		return err
	}
	s.sent++
	return n.taken(s, to.caps)
}

func (n *Node) connect(ctx context.Context, s *peerStream, to *peer, deadline time.Time) error {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	defer context.AfterFunc(n.ctx, cancel)()
	conn, r, err := n.open(ctx, to.addr, to.name)
	if err != nil {
		return err
	}
	n.streams.mu.Lock()
	defer n.streams.mu.Unlock()
	if n.streams.closed {
		return errors.Join(ErrClosed, conn.Close())
	}
	s.conn, s.r, s.sent = conn, r, 0
	return nil
}

// errRefused is what a muster peer says by closing a stream without an ack.
var errRefused = errors.New("the peer closed the stream without taking the message in")

// taken waits for the ack of a muster peer, or for a memberlist peer to close.
// Closing is an answer only from a peer that is not known to be muster.
func (n *Node) taken(s *peerStream, caps wire.Caps) error {
	msg, err := n.codec.ReadStreamMessage(s.r, packetMax)
	switch {
	case errors.Is(err, io.EOF) && s.sent == 1 && caps&wire.CapMuster != 0:
		return errRefused
	case errors.Is(err, io.EOF) && s.sent == 1:
		n.streams.drop(s) // a memberlist peer: it has read the message
		return nil
	case err != nil:
		return err
	}
	var ack wire.Ack
	var refused wire.Error
	switch wire.Type(msg[0]) {
	case wire.TypeAck:
		if err := ack.Decode(msg[1:]); err != nil {
			return err
		}
		if ack.SeqNo != s.sent {
			return fmt.Errorf("peer acknowledged message %d of %d", ack.SeqNo, s.sent)
		}
		return nil
	case wire.TypeError:
		if err := refused.Decode(msg[1:]); err != nil {
			return err
		}
		return fmt.Errorf("refused by the peer: %q", refused.Error)
	}
	return fmt.Errorf("message type %d in answer to a user message", msg[0])
}

// SendPacket sends payload to the member of that name in one packet, best
// effort: nil means only that it was sent. ErrTooLarge tells that it does not
// fit Config.PacketSize.
func (n *Node) SendPacket(to string, payload []byte) error {
	p, err := n.lookup(to)
	if err == nil {
		err = n.sendPacket(p, payload)
	}
	if err != nil {
		return fmt.Errorf("send to %q: %w", to, err)
	}
	return nil
}

// SendPacketTo is SendPacket to whoever is at an address, member or not. The
// name may be empty; it is for a Transport that needs it.
func (n *Node) SendPacketTo(to netip.AddrPort, name string, payload []byte) error {
	if n.ctx.Err() != nil {
		return ErrClosed
	}
	if err := n.sendPacket(n.peerAt(to, name), payload); err != nil {
		return fmt.Errorf("send to %q at %v: %w", name, to, err)
	}
	return nil
}

func (n *Node) sendPacket(to peer, payload []byte) error {
	if most := n.cfg.PacketSize - n.codec.Overhead() - 1; len(payload) > most {
		return fmt.Errorf("%d bytes, at most %d: %w", len(payload), most, ErrTooLarge)
	}
	buf := sendBuffers.Get().(*[]byte)
	defer sendBuffers.Put(buf)
	msg := wire.AppendUser((*buf)[:0], payload)
	packet, err := n.codec.Seal(msg[len(msg):], msg, to.crc)
	*buf = msg[:0]
	if err == nil {
		err = n.transport.WritePacketTo(packet, to.addr, to.name)
	}
	if err != nil {
		n.counts.sendErrors.Add(1)
		return err
	}
	n.counts.packetsSent.Add(1)
	n.counts.bytesSent.Add(uint64(len(packet)))
	return nil
}

var sendBuffers = sync.Pool{New: func() any {
	b := make([]byte, 0, 4096)
	return &b
}}

// Broadcast spreads payload to all members. Muster peers deliver it once each;
// memberlist peers get it as a user message from those that gossip to them. It
// returns when the message is queued. ErrTooLarge tells that it does not fit a
// packet, ErrBusy that too many wait.
func (n *Node) Broadcast(payload []byte) (err error) {
	if e := n.do(func(now time.Time) { err = n.core.Broadcast(now, payload) }); e != nil {
		return e
	}
	return err
}
