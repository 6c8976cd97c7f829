package muster

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Whoever has something for the core takes it in hand himself, under Node.mu:
// the reader of packets, the application's goroutines, the loop when time is
// up. Handing everything to one goroutine costs, for each packet of an idle
// node, a wake-up that is dearer than all the rest (docs/design/0004).
// Under the lock nothing blocks and no code of the application runs.

// loop ticks the core when its deadline comes.
func (n *Node) loop() {
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.timer.C:
			n.turn(nil)
		case <-n.plane.timer.C:
			n.plane.tick()
		}
	}
}

// do gives f the core, and acts on what comes of it.
func (n *Node) do(f func(now time.Time)) error {
	if n.ctx.Err() != nil {
		return ErrClosed
	}
	n.turn(f)
	return nil
}

// turn hands the core to f, does what is due, and acts on the outcome.
func (n *Node) turn(f func(now time.Time)) {
	n.mu.Lock()
	now := time.Now()
	if f != nil {
		f(now)
	}
	if d, ok := n.core.Deadline(); ok && !d.After(now) {
		n.core.Tick(now)
	}
	done := n.perform(n.core.Ready())
	n.rearm()
	n.mu.Unlock()
	n.report(done)
}

// rearm sets the timer to the core's deadline.
func (n *Node) rearm() {
	if d, ok := n.core.Deadline(); ok && !d.Equal(n.armed) {
		n.armed = d
		n.timer.Reset(time.Until(d))
	}
}

// outcome is what is to be logged once the lock is released.
type outcome struct {
	events []Event
	asides []swim.Event
	failed netip.AddrPort // a packet that could not be sent went there
	err    error
}

func (n *Node) report(o outcome) {
	for i := range o.events {
		n.note(&o.events[i])
	}
	for i := range o.asides {
		n.remark(&o.asides[i])
	}
	if o.err != nil {
		n.complain("packet not sent", o.failed, o.err)
	}
}

// perform does what the core wants done, with the lock held.
func (n *Node) perform(rd swim.Ready) (o outcome) {
	if v := n.core.Changes(); v != n.changes {
		n.changes = v
		n.snapshot.Store(nil) // first of all: who hears of an event may look at once
	}
	for _, p := range rd.Packets {
		if err := n.writePacket(p); err != nil && o.err == nil {
			o.failed, o.err = p.To, err
		}
	}
	for _, s := range rd.Streams {
		if !n.closed { // a callback's answer may come while Close waits for the work to end
			n.work.Go(func() { n.exchange(s) })
		}
	}
	if len(rd.Events) > 0 {
		n.plane.members(rd.Events)
		o.events, o.asides = n.publish(rd.Events)
	}
	// Those of one packet from the last to the first: senders put the newest in
	// front, and memberlist's receivers turn them round, too.
	for i := len(rd.Messages) - 1; i >= 0; i-- {
		m := &rd.Messages[i]
		n.calls.message(Message{From: m.From, Payload: m.Payload, Broadcast: m.Rumor})
	}
	for _, s := range rd.States {
		n.calls.state(s)
	}
	for _, a := range rd.Asks {
		n.calls.ask(a)
	}
	for _, d := range rd.Done {
		if c := n.waits[d.ID]; c != nil {
			delete(n.waits, d.ID)
			c <- d
		}
	}
	if n.core.LeaveDone() {
		n.leaveDone()
	}
	if o.err != nil {
		n.core.Unreachable(time.Now(), o.failed)
		more := n.perform(n.core.Ready())
		o.events = append(o.events, more.events...)
		o.asides = append(o.asides, more.asides...)
	}
	return o
}

func (n *Node) writePacket(p swim.Packet) error {
	b, err := n.codec.Seal(n.sealed[:0], p.Data, p.CRC)
	n.sealed = b
	if err == nil {
		err = n.transport.WritePacketTo(b, p.To, p.Name)
	}
	if err != nil {
		n.counts.sendErrors.Add(1)
		return err
	}
	n.counts.packetsSent.Add(1)
	n.counts.bytesSent.Add(uint64(len(b)))
	return nil
}

// leaveDone wakes who waits in Leave. After another Join there may be another.
func (n *Node) leaveDone() {
	select {
	case <-n.left:
	default:
		close(n.left)
	}
}

// readPackets opens what arrives and gives it to the core.
func (n *Node) readPackets() {
	var scratch []byte
	handle := func(b []byte, from netip.AddrPort) {
		if cap(scratch) < len(b) || cap(scratch) > packetMax {
			scratch = make([]byte, 0, max(len(b), scratchSize))
		}
		n.packet(b, scratch, from)
	}
	for {
		err := n.transport.ReadPacket(handle)
		switch {
		case n.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case err != nil:
			n.complain("reading packets", netip.AddrPort{}, err)
			n.pause(errorPause)
		}
	}
}

const scratchSize = 1500

// packet takes one in.
func (n *Node) packet(b, scratch []byte, from netip.AddrPort) {
	n.counts.packetsReceived.Add(1)
	n.counts.bytesReceived.Add(uint64(len(b)))
	msg, err := n.codec.Open(b, scratch)
	if err != nil {
		n.counts.malformed.Add(1)
		n.complain("packet dropped", from, err)
		return
	}
	if wire.Type(msg[0]) == wire.TypeRecord {
		n.plane.packet(from, msg)
		return
	}
	n.turn(func(now time.Time) { err = n.core.Step(now, from, msg) })
	if err != nil && !errors.Is(err, swim.ErrIgnored) {
		n.complain("message dropped", from, err)
	}
}

// errorPause keeps an error that persists from spinning a goroutine.
const errorPause = 100 * time.Millisecond

func (n *Node) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-n.ctx.Done():
	}
}
