package muster

import (
	"context"
	"fmt"
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
// stream. Nil means that the other node keeps it for its application: a muster
// peer says so, a memberlist peer closes the stream having read it. Messages of
// which one was sent after Send had returned for the other arrive in that order.
func (n *Node) Send(ctx context.Context, to string, payload []byte) error {
	p, err := n.lookup(to)
	if err == nil {
		err = n.send(ctx, p, "", payload)
	}
	if err != nil {
		return fmt.Errorf("send to %q: %w", to, err)
	}
	return nil
}

// SendTopic is Send to those that have subscribed to a topic, of at most 255
// bytes, at the member of that name. ErrNoHandler tells that nobody has there,
// ErrUnsupported that the member is not muster.
func (n *Node) SendTopic(ctx context.Context, to, topic string, payload []byte) error {
	p, err := n.lookup(to)
	switch {
	case err != nil:
	case p.caps&wire.CapMessage == 0:
		err = ErrUnsupported
	default:
		err = n.send(ctx, p, topic, payload)
	}
	if err != nil {
		return fmt.Errorf("send to %q on topic %q: %w", to, topic, err)
	}
	return nil
}

// SendTo is Send to whoever is at an address, member or not. The name may be
// empty; it is for a Transport that needs it.
func (n *Node) SendTo(ctx context.Context, to netip.AddrPort, name string, payload []byte) error {
	if n.ctx.Err() != nil {
		return ErrClosed
	}
	if err := n.send(ctx, n.peerAt(to, name), "", payload); err != nil {
		return fmt.Errorf("send to %q at %v: %w", name, to, err)
	}
	return nil
}

func (n *Node) send(ctx context.Context, to peer, topic string, payload []byte) error {
	err := fitting(topic, payload)
	switch {
	case err != nil:
	case to.caps&wire.CapMessage != 0:
		_, err = n.streams.call(ctx, to, &wire.Frame{Kind: wire.FrameSend, Size: len(payload), Topic: topic, Payload: payload})
	default:
		err = n.sendAlone(ctx, to, payload)
	}
	switch {
	case err == nil:
		n.counts.messagesSent.Add(1)
	case n.ctx.Err() != nil:
		return ErrClosed
	}
	return err
}

func fitting(topic string, payload []byte) error {
	if len(topic) > wire.MaxTopic {
		return fmt.Errorf("topic of %d bytes, at most %d: %w", len(topic), wire.MaxTopic, ErrTooLarge)
	}
	if len(payload) > wire.MaxUserMessage {
		return fmt.Errorf("%d bytes, at most %d: %w", len(payload), wire.MaxUserMessage, ErrTooLarge)
	}
	return nil
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
