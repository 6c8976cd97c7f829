package muster

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/netip"
	"time"
)

const (
	greetingMax  = 256              // streams that have yet to say what they are
	greetingTime = 10 * time.Second // for that, a TLS handshake included
	frameBuffer  = 2 << 10          // most packets are smaller
)

var (
	errStreamsLost = errors.New("the node does not accept streams fast enough")
	errEvicted     = errors.New("too many streams at a time, closed the oldest")
)

// acceptLoop takes connections in, each in a goroutine of its own: one that
// says nothing must not keep others waiting.
func (t *TCPTransport) acceptLoop() {
	for {
		conn, err := t.layer.Accept()
		switch {
		case t.ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			if err == nil {
				abort(conn)
			}
			return
		case err != nil:
			t.complain("accepting streams", netip.AddrPort{}, err)
			select {
			case <-time.After(errorPause):
			case <-t.ctx.Done():
			}
			continue
		}
		t.work.Go(func() { t.greet(conn) })
	}
}

// greet finds out what a connection is for.
func (t *TCPTransport) greet(raw net.Conn) {
	e, evicted := t.greeting.add(raw)
	if e == nil {
		abort(raw)
		return
	}
	if evicted {
		t.counts.evicted.Add(1)
		t.complain("stream closed", netip.AddrPort{}, errEvicted)
	}
	conn, first, err := t.identify(raw)
	if err != nil && !quietEnd(err) {
		t.counts.greetingsFailed.Add(1)
		t.complain("stream refused", remote(raw), err)
		hearOut(raw)
	}
	if in := t.greeting.remove(e); !in || err != nil {
		abort(raw)
		return
	}
	if first == prefaceByte {
		t.receive(conn)
		return
	}
	select {
	case t.accepted <- &begun{Conn: conn, first: []byte{first}}:
	default:
		t.counts.evicted.Add(1)
		t.complain("stream refused", remote(raw), errStreamsLost)
		abort(conn)
	}
}

// identify reads the first byte.
func (t *TCPTransport) identify(conn net.Conn) (net.Conn, byte, error) {
	if err := conn.SetDeadline(time.Now().Add(greetingTime)); err != nil {
		return nil, 0, err
	}
	if t.secure != nil {
		var err error
		if conn, err = t.secure.server(t.ctx, conn); err != nil {
			return nil, 0, err
		}
	}
	var b [1]byte
	if _, err := conn.Read(b[:]); err != nil {
		return nil, 0, err
	}
	return conn, b[0], conn.SetDeadline(time.Time{})
}

// hearOut reads what a peer has to say until it has understood that it was
// refused, and hangs up. Were the stream closed at once, with bytes in it that
// nobody has read, the system would reset it, and the peer would never see why.
func hearOut(conn net.Conn) {
	if conn.SetDeadline(time.Now().Add(hearOutTime)) == nil {
		_, _ = io.CopyN(io.Discard, conn, hearOutMax) // however it ends
	}
}

const (
	hearOutTime = time.Second
	hearOutMax  = 64 << 10
)

// begun is a stream of which the beginning was read.
type begun struct {
	net.Conn
	first []byte
}

func (c *begun) Read(b []byte) (int, error) {
	if len(c.first) == 0 {
		return c.Conn.Read(b)
	}
	n := copy(b, c.first)
	c.first = c.first[n:]
	return n, nil
}

// abort reaches what is underneath.
func (c *begun) abort() { abort(c.Conn) }

// receive takes packets from a stream until it ends.
func (t *TCPTransport) receive(conn net.Conn) {
	defer abort(conn)
	e, evicted := t.incoming.add(conn)
	if e == nil {
		return
	}
	if evicted {
		t.counts.evicted.Add(1)
	}
	defer t.incoming.remove(e)
	// Twice as long as a peer keeps a stream that it does not use.
	idle := 2 * t.opts.IdleTimeout
	err := conn.SetDeadline(time.Now().Add(idle))
	var port uint16
	if err == nil {
		port, err = readPreface(conn)
	}
	from := netip.AddrPortFrom(remote(conn).Addr(), port)
	if err == nil {
		t.out.heard(from)
	}
	end := time.Now().Add(streamAge + streamAge/2) // the peer renews it before
	for r := bufio.NewReaderSize(conn, frameBuffer); err == nil; {
		if r.Buffered() == 0 {
			t.incoming.used(e)
			err = conn.SetDeadline(earlier(time.Now().Add(idle), end))
		}
		if err == nil {
			err = t.receiveFrame(conn, r, from)
		}
	}
	if !quietEnd(err) && t.ctx.Err() == nil {
		t.complain("packet stream", from, err)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// receiveFrame hands one packet on, or echoes. While it waits for a packet it
// holds no buffer for one.
func (t *TCPTransport) receiveFrame(conn net.Conn, r *bufio.Reader, from netip.AddrPort) error {
	if _, err := r.Peek(frameHead); err != nil {
		return err
	}
	p := inPacket{buf: packetBuffers.Get().(*[]byte), from: from}
	var err error
	if p.size, err = readFrame(r, *p.buf); err != nil || p.size == 0 {
		packetBuffers.Put(p.buf)
		if err == nil {
			_, err = conn.Write([]byte{0})
		}
		return err
	}
	select {
	case t.inbox <- p:
		return nil
	case <-t.ctx.Done():
		packetBuffers.Put(p.buf)
		return net.ErrClosed
	}
}

// ReadPacket waits for a packet, from whatever stream.
func (t *TCPTransport) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	select {
	case p := <-t.inbox:
		defer packetBuffers.Put(p.buf)
		handle((*p.buf)[:p.size], p.from)
		return nil
	case <-t.ctx.Done():
		return net.ErrClosed
	}
}
