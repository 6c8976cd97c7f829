package mustertest

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	packetMax  = 65507   // the largest UDP payload over IPv4
	socketRoom = 2 << 20 // bytes of packets that wait for a reader, as in a socket's buffer
)

// Packet is one packet as a transport sent it: package wire tells what is in
// it, unless it is encrypted.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte // valid only during the call
}

// Filter has f see every packet when it is sent, before any loss; false drops
// it. Nil takes the filter away. The sending node is locked meanwhile: f must
// not call it, but may change the network.
func (n *Network) Filter(f func(Packet) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.filter = f
}

// transport is a muster.Transport. All its state is guarded by the network.
type transport struct {
	net    *Network
	addr   netip.AddrPort
	closed bool

	packets     []received
	waiting     int // bytes of packets
	packetsWake sync.Cond

	streams     []*conn // to be accepted
	streamsWake sync.Cond
}

type received struct {
	data []byte
	from netip.AddrPort
}

// Addr implements muster.Transport.
func (t *transport) Addr() netip.AddrPort { return t.addr }

// WritePacket implements muster.Transport.
func (t *transport) WritePacket(b []byte, to netip.AddrPort) error {
	if len(b) > packetMax {
		return t.fail("write", to, syscall.EMSGSIZE)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	n := t.net
	n.mu.Lock()
	filter, closed := n.filter, t.closed
	n.mu.Unlock()
	if closed {
		return t.fail("write", to, net.ErrClosed)
	}
	passed := filter == nil || filter(Packet{From: t.addr, To: to, Data: b})
	n.mu.Lock()
	defer n.mu.Unlock()
	n.send(n.link(t.addr, to), b, passed)
	return nil
}

// send has a packet arrive, or not.
func (n *Network) send(l *link, b []byte, passed bool) {
	now := time.Now()
	l.counts.Packets++
	l.counts.Bytes += uint64(len(b))
	left, waiting := l.squeeze(now, len(b))
	if !passed || l.cut || l.draw(l.rule.Loss) || l.rule.Bandwidth > 0 && waiting > l.rule.room() {
		l.counts.Lost++
		return
	}
	data := bytes.Clone(b)
	land := func() { n.land(l, data) }
	n.launch(now, left.Add(l.travel()+l.held()), l, land)
	if l.draw(l.rule.Duplicate) {
		l.counts.Duplicated++
		n.launch(now, left.Add(l.travel()+l.held()), l, land)
	}
}

// held draws whether a packet is held back, and for how long.
func (l *link) held() time.Duration {
	if !l.draw(l.rule.Reorder) {
		return 0
	}
	return time.Duration(l.chance.Int64N(int64(max(10*time.Millisecond, 4*l.rule.Delay))))
}

// land puts a packet into the receiver's queue.
func (n *Network) land(l *link, data []byte) {
	t := n.open[l.pair.to]
	if l.cut || t == nil || t.waiting+len(data) > socketRoom {
		l.counts.Lost++
		return
	}
	l.counts.Delivered++
	t.packets = append(t.packets, received{data, l.pair.from})
	t.waiting += len(data)
	t.packetsWake.Signal()
}

// ReadPacket implements muster.Transport.
func (t *transport) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	t.net.mu.Lock()
	for len(t.packets) == 0 && !t.closed {
		t.packetsWake.Wait()
	}
	packets := t.packets
	t.packets, t.waiting = nil, 0
	closed := t.closed
	t.net.mu.Unlock()
	if closed {
		return net.ErrClosed
	}
	for _, p := range packets {
		handle(p.data, p.from)
	}
	return nil
}

// Close implements muster.Transport.
func (t *transport) Close() error {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	if t.closed {
		return t.fail("close", t.addr, net.ErrClosed)
	}
	t.closed = true
	delete(t.net.open, t.addr)
	t.packets = nil
	for _, c := range t.streams {
		c.reset() // nobody will ever accept them
	}
	t.streams = nil
	t.packetsWake.Broadcast()
	t.streamsWake.Broadcast()
	return nil
}

// fail makes an error of the kind that sockets return.
func (t *transport) fail(op string, to netip.AddrPort, err error) error {
	return fail(op, t.addr, to, err)
}

func fail(op string, from, to netip.AddrPort, err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		err = os.NewSyscallError(op, errno)
	}
	return &net.OpError{Op: op, Net: "memory", Source: net.TCPAddrFromAddrPort(from), Addr: net.TCPAddrFromAddrPort(to), Err: err}
}
