package mustertest

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	window  = 256 << 10 // bytes written and not yet read, in one direction
	segment = 16 << 10  // bytes that travel at once
)

// conn is one end of a stream. Like the rest it is guarded by the network.
type conn struct {
	net           *Network
	peer          *conn
	local, remote netip.AddrPort
	in, out       *pipe
	dialled       bool
	closed        bool
	hard          bool // close by a reset

	readBy, writeBy deadline
}

// pipe is one direction of a stream.
type pipe struct {
	link   *link
	writer *conn
	woken  sync.Cond // whenever anything changes
	buf    []byte    // has arrived
	flying [][]byte  // is under way, in order; nil for the end
	size   int       // bytes of both
	floor  time.Time // when the last of what flies arrives
	eof    bool      // the end has arrived
	deaf   bool      // its reader has closed
	void   bool      // its writer is gone and has taken back what flies
	err    error     // set when the stream was reset
}

// connect makes a stream between two transports, dialled from local.
func (n *Network) connect(there, back *link, local netip.AddrPort) (client, server *conn) {
	up, down := &pipe{link: there}, &pipe{link: back}
	up.woken.L, down.woken.L = &n.mu, &n.mu
	remote := there.pair.to
	client = &conn{net: n, local: local, remote: remote, in: down, out: up, dialled: true}
	server = &conn{net: n, local: remote, remote: local, in: up, out: down, peer: client}
	client.peer, up.writer, down.writer = server, client, server
	return client, server
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	for p := c.in; ; p.woken.Wait() {
		switch {
		case c.closed:
			return 0, c.fail("read", net.ErrClosed)
		case c.readBy.passed():
			return 0, c.fail("read", os.ErrDeadlineExceeded)
		case len(b) == 0:
			return 0, nil
		case len(p.buf) > 0:
			n := copy(b, p.buf)
			if p.buf = p.buf[n:]; len(p.buf) == 0 {
				p.buf = nil
			}
			p.size -= n
			p.woken.Broadcast()
			return n, nil
		case p.err != nil:
			return 0, c.fail("read", p.err)
		case p.eof:
			return 0, io.EOF
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	written := 0
	for p := c.out; ; p.woken.Wait() {
		for len(b) > 0 && p.size < window && c.writable() == nil {
			n := min(len(b), segment, window-p.size)
			c.net.push(p, bytes.Clone(b[:n]))
			written += n
			b = b[n:]
		}
		if err := c.writable(); err != nil {
			return written, c.fail("write", err)
		}
		if len(b) == 0 {
			return written, nil
		}
	}
}

func (c *conn) writable() error {
	switch {
	case c.closed:
		return net.ErrClosed
	case c.out.err != nil:
		return c.out.err
	case c.writeBy.passed():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// push sends a part of a stream, nil for its end.
func (n *Network) push(p *pipe, b []byte) {
	p.size += len(b)
	p.flying = append(p.flying, b)
	p.link.counts.StreamBytes += uint64(len(b))
	n.refresh(p.link)
	n.carry(p.link, parcel{size: len(b), floor: &p.floor, land: p.pull})
}

// pull has the part arrive that was sent first, whichever it was that came
// through first.
func (p *pipe) pull() {
	b := p.flying[0]
	p.flying = p.flying[1:]
	switch {
	case p.err != nil || p.void:
	case b == nil:
		p.eof = true
	case p.deaf:
		p.writer.reset() // nobody is there any more to read it, and its system says so
	default:
		p.buf = append(p.buf, b...)
	}
	p.woken.Broadcast()
}

func (p *pipe) broken() {
	if p.err == nil {
		p.err = syscall.ECONNRESET
	}
	p.woken.Broadcast()
}

// reset ends a stream for both of its ends. What has arrived can be read.
func (c *conn) reset() {
	c.in.broken()
	c.out.broken()
	c.forget()
}

// forget takes the stream out of the network's list.
func (c *conn) forget() {
	if !c.dialled {
		c = c.peer
	}
	delete(c.net.conns, c)
}

// Close implements net.Conn. The other end reads what was written before.
func (c *conn) Close() error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	if c.closed {
		return c.fail("close", net.ErrClosed)
	}
	c.closed = true
	c.readBy.set(time.Time{}, nil)
	c.writeBy.set(time.Time{}, nil)
	c.in.deaf, c.in.buf = true, nil
	c.in.woken.Broadcast()
	c.out.woken.Broadcast()
	switch {
	case c.out.err != nil:
	case c.hard:
		c.out.void = true
		c.net.refresh(c.out.link)
		c.net.carry(c.out.link, parcel{land: c.reset})
	default:
		c.net.push(c.out, nil)
	}
	if c.peer.closed {
		c.forget()
	}
	return nil
}

// SetLinger is that of net.TCPConn, for 0 seconds: Close then resets the stream,
// and what has not arrived by then is lost. All else leaves Close as it is.
func (c *conn) SetLinger(seconds int) error {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	c.hard = seconds == 0
	return nil
}

func (c *conn) fail(op string, err error) error { return fail(op, c.local, c.remote, err) }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }
