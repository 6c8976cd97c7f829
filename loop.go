package muster

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/swim"
)

// packet is one message from the network, opened and copied.
type packet struct {
	from netip.AddrPort
	data []byte
}

// inbox is what waits for the loop: packets, bounded in number and bytes, and
// calls. It wakes the loop once for a whole batch.
type inbox struct {
	mu      sync.Mutex
	packets []packet
	calls   []func(now time.Time)
	bytes   int
	free    [][]byte // buffers for packets, given back
	wake    chan struct{}

	spare      []packet // the loop's, swapped with packets
	spareCalls []func(now time.Time)
}

const (
	inboxPackets = 1024    // memberlist's HandoffQueueDepth
	inboxBytes   = 8 << 20 // if they are large
	inboxKeep    = 64
	bufferKeep   = 2 // buffers an idle inbox holds on to
	bufferSize   = 1500
)

func (b *inbox) init() { b.wake = make(chan struct{}, 1) }

func (b *inbox) signal() {
	select {
	case b.wake <- struct{}{}:
	default: // it is awake, or about to be
	}
}

// call queues f. Calls come from the application, which waits for most of them,
// so they need no bound.
func (b *inbox) call(f func(now time.Time)) {
	b.mu.Lock()
	b.calls = append(b.calls, f)
	b.mu.Unlock()
	b.signal()
}

// put queues a copy of data, or tells that there is no room.
func (b *inbox) put(from netip.AddrPort, data []byte) bool {
	b.mu.Lock()
	if len(b.packets) >= inboxPackets || b.bytes+len(data) > inboxBytes {
		b.mu.Unlock()
		return false
	}
	var buf []byte
	if n := len(b.free); n > 0 && len(data) <= bufferSize {
		buf, b.free = b.free[n-1], b.free[:n-1]
	} else if len(data) <= bufferSize {
		buf = make([]byte, 0, bufferSize)
	}
	b.packets = append(b.packets, packet{from, append(buf[:0], data...)})
	b.bytes += len(data)
	b.mu.Unlock()
	b.signal()
	return true
}

// take returns what waits. The slices are valid until the next take, the
// packets' bytes until give.
func (b *inbox) take() ([]packet, []func(time.Time)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, c := b.packets, b.calls
	if cap(b.spare) > inboxKeep {
		b.spare = nil // do not hold on to what a burst needed
	}
	b.packets, b.calls, b.bytes = b.spare[:0], b.spareCalls[:0], 0
	b.spare, b.spareCalls = p, c
	return p, c
}

// give takes the buffers back.
func (b *inbox) give(packets []packet) {
	b.mu.Lock()
	for _, p := range packets {
		if len(b.free) < bufferKeep && cap(p.data) == bufferSize {
			b.free = append(b.free, p.data)
		}
	}
	b.mu.Unlock()
	clear(packets)
}

// run is the only goroutine that touches the core.
func (n *Node) run() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var armed time.Time
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.inbox.wake:
		case <-timer.C:
			armed = time.Time{}
		}
		n.turn()
		if d, ok := n.core.Deadline(); ok && !d.Equal(armed) {
			armed = d
			timer.Reset(time.Until(d))
		}
	}
}

// turn takes in what waits, does what is due, and acts on the outcome.
func (n *Node) turn() {
	now := time.Now()
	packets, calls := n.inbox.take()
	for _, p := range packets {
		if err := n.core.Step(now, p.from, p.data); err != nil && !errors.Is(err, swim.ErrIgnored) {
			n.complain("message dropped", p.from, err)
		}
	}
	if len(packets) > 0 {
		n.inbox.give(packets)
		n.perform(n.core.Ready()) // before a call can see what it has not been told of
	}
	for _, f := range calls {
		f(now)
	}
	clear(calls)
	if d, ok := n.core.Deadline(); ok && !d.After(now) {
		n.core.Tick(now)
	}
	n.perform(n.core.Ready())
}

// perform does what the core wants done.
func (n *Node) perform(rd swim.Ready) {
	if v := n.core.Changes(); v != n.changes {
		n.changes = v
		n.snapshot.Store(nil) // first of all: who hears of an event may look at once
	}
	var failed netip.AddrPort
	for _, p := range rd.Packets {
		if err := n.writePacket(p); err != nil && !failed.IsValid() {
			failed = p.To
		}
	}
	for _, s := range rd.Streams {
		n.work.Go(func() { n.exchange(s) })
	}
	if len(rd.Events) > 0 {
		n.publish(rd.Events)
	}
	for _, m := range rd.Messages {
		n.calls.message(Message{From: m.From, Payload: m.Payload, Broadcast: m.Rumor})
	}
	for _, a := range rd.Asks {
		n.calls.ask(a)
	}
	for _, d := range rd.Done {
		if c := n.joins[d.ID]; c != nil {
			delete(n.joins, d.ID)
			c <- d.Err
		} else if d.Err != nil {
			n.log.Debug("push/pull failed", "err", d.Err)
		}
	}
	if n.core.LeaveDone() {
		n.leaveDone()
	}
	if failed.IsValid() {
		n.core.Unreachable(time.Now(), failed)
		n.perform(n.core.Ready())
	}
}

func (n *Node) writePacket(p swim.Packet) error {
	b, err := n.codec.Seal(n.sealed[:0], p.Data, p.CRC)
	n.sealed = b
	if err == nil {
		err = n.transport.WritePacket(b, p.To)
	}
	if err != nil {
		n.counts.sendErrors.Add(1)
		n.complain("packet not sent", p.To, err)
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

// readPackets opens what arrives and hands it to the loop.
func (n *Node) readPackets() {
	var scratch []byte
	handle := func(b []byte, from netip.AddrPort) {
		n.counts.packetsReceived.Add(1)
		n.counts.bytesReceived.Add(uint64(len(b)))
		if cap(scratch) < len(b) || cap(scratch) > packetMax {
			scratch = make([]byte, 0, max(len(b), bufferSize))
		}
		msg, err := n.codec.Open(b, scratch)
		switch {
		case err != nil:
			n.counts.malformed.Add(1)
			n.complain("packet dropped", from, err)
		case !n.inbox.put(from, msg):
			n.counts.dropped.Add(1)
		}
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

// errorPause keeps an error that persists from spinning a goroutine.
const errorPause = 100 * time.Millisecond

func (n *Node) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-n.ctx.Done():
	}
}
