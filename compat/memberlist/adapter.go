package memberlist

import (
	"context"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// adapter is an application's Transport as muster takes it.
type adapter struct {
	net  NodeAwareTransport
	addr netip.AddrPort // as advertised
	log  *log.Logger
	out  *outbox // nil for a transport that is known not to block
	done chan struct{}
	once sync.Once
	err  error
}

var _ muster.NamedTransport = (*adapter)(nil)

// adapt returns t as a muster.Transport that is found at addr.
func adapt(t Transport, addr netip.AddrPort, l *log.Logger) *adapter {
	named, ok := t.(NodeAwareTransport)
	if !ok {
		l.Printf("[DEBUG] memberlist: configured Transport is not a NodeAwareTransport and some features may not work as desired")
		named = nameless{t}
	}
	a := &adapter{net: named, addr: addr, log: l, done: make(chan struct{})}
	switch t.(type) {
	case *NetTransport, *MockTransport:
	default:
		a.out = newOutbox(a.write)
	}
	return a
}

// ReadPacket hands on what has come in, all of it: a wake-up for each packet
// costs more than the packet.
func (a *adapter) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	in := a.net.PacketCh()
	select {
	case p, ok := <-in:
		if !ok {
			return net.ErrClosed
		}
		handle(p.Buf, addrPortOf(p.From))
	case <-a.done:
		return net.ErrClosed
	}
	for {
		select {
		case p, ok := <-in:
			if !ok {
				return net.ErrClosed
			}
			handle(p.Buf, addrPortOf(p.From))
		default:
			return nil
		}
	}
}

// addrPortOf returns an address as muster has them; not valid for one that is
// not an IP's, to which nothing can be sent back.
func addrPortOf(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmapped(a.AddrPort())
	case *net.TCPAddr:
		return unmapped(a.AddrPort())
	case nil:
		return netip.AddrPort{}
	}
	found, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.AddrPort{}
	}
	return unmapped(found)
}

func unmapped(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// WritePacket sends a packet.
func (a *adapter) WritePacket(b []byte, to netip.AddrPort) error {
	return a.WritePacketTo(b, to, "")
}

// WritePacketTo sends a packet. An application's transport may block in that, on
// a node that does not answer say, and then only what goes there waits.
func (a *adapter) WritePacketTo(b []byte, to netip.AddrPort, name string) error {
	addr := Address{Addr: to.String(), Name: name}
	if a.out == nil {
		return a.write(b, addr)
	}
	return a.out.post(b, addr)
}

func (a *adapter) write(b []byte, to Address) error {
	_, err := a.net.WriteToAddress(b, to)
	if err != nil && a.out != nil {
		a.log.Printf("[ERR] memberlist: Failed to send packet to %s: %s", to.String(), err)
	}
	return err
}

// Dial opens a stream.
func (a *adapter) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return a.DialTo(ctx, to, "")
}

// DialTo opens a stream. When ctx ends first, the transport goes on trying until
// its time is over; what it then has is closed.
func (a *adapter) DialTo(ctx context.Context, to netip.AddrPort, name string) (net.Conn, error) {
	timeout := dialLongest
	if d, ok := ctx.Deadline(); ok {
		timeout = time.Until(d)
	}
	type dialed struct {
		conn net.Conn
		err  error
	}
	done := make(chan dialed, 1)
	go func() {
		conn, err := a.net.DialAddressTimeout(Address{Addr: to.String(), Name: name}, timeout)
		select {
		case <-ctx.Done():
			if err == nil {
				a.hangUp(conn)
			}
			done <- dialed{nil, ctx.Err()}
		default:
			done <- dialed{conn, err}
		}
	}()
	select {
	case d := <-done:
		return d.conn, d.err
	case <-ctx.Done():
		// It may have succeeded at the very moment.
		go func() {
			if d := <-done; d.conn != nil {
				a.hangUp(d.conn)
			}
		}()
		return nil, ctx.Err()
	}
}

// dialLongest bounds a dial that muster sets no bound for.
const dialLongest = 30 * time.Second

func (a *adapter) hangUp(conn net.Conn) {
	if err := conn.Close(); err != nil {
		a.log.Printf("[DEBUG] memberlist: closing a stream: %v", err)
	}
}

// Accept waits for a stream.
func (a *adapter) Accept() (net.Conn, error) {
	select {
	case conn, ok := <-a.net.StreamCh():
		if !ok {
			return nil, net.ErrClosed
		}
		return conn, nil
	case <-a.done:
		return nil, net.ErrClosed
	}
}

// Addr returns what is advertised.
func (a *adapter) Addr() netip.AddrPort { return a.addr }

// Close shuts the transport down.
func (a *adapter) Close() error {
	a.once.Do(func() {
		close(a.done)
		if a.out != nil {
			a.out.close()
		}
		a.err = a.net.Shutdown()
	})
	return a.err
}
