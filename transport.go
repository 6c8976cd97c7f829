package muster

import (
	"context"
	"net"
	"net/netip"
)

// Transport carries packets and streams. Its methods are called concurrently.
type Transport interface {
	// ReadPacket blocks until there is a packet and calls handle for it, or
	// for several. The bytes are valid only during the call. The error is
	// net.ErrClosed after Close; any other is logged and reading goes on.
	ReadPacket(handle func(b []byte, from netip.AddrPort)) error
	// WritePacket sends one packet, best effort. It does not keep b, does not
	// block, and does not call the node: the node is locked.
	WritePacket(b []byte, to netip.AddrPort) error
	// Dial opens a stream.
	Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Accept waits for a stream; net.ErrClosed after Close.
	Accept() (net.Conn, error)
	// Addr is the address that packets and streams arrive at.
	Addr() netip.AddrPort
	// Close ends ReadPacket and Accept. Streams that are open stay open.
	Close() error
}

// NamedTransport is a Transport that also wants to know for whom a packet or a
// stream is. The name is empty when the node does not know it.
type NamedTransport interface {
	Transport
	WritePacketTo(b []byte, to netip.AddrPort, name string) error
	DialTo(ctx context.Context, to netip.AddrPort, name string) (net.Conn, error)
}

// carrier makes any Transport a NamedTransport, and translates addresses on the
// way out.
func carrier(t Transport, mapAddr func(netip.AddrPort) netip.AddrPort) NamedTransport {
	named, ok := t.(NamedTransport)
	if !ok {
		named = nameless{t}
	}
	if mapAddr != nil {
		named = mapped{named, mapAddr}
	}
	return named
}

type nameless struct{ Transport }

func (t nameless) WritePacketTo(b []byte, to netip.AddrPort, _ string) error {
	return t.WritePacket(b, to)
}

func (t nameless) DialTo(ctx context.Context, to netip.AddrPort, _ string) (net.Conn, error) {
	return t.Dial(ctx, to)
}

type mapped struct {
	NamedTransport
	addr func(netip.AddrPort) netip.AddrPort
}

func (t mapped) WritePacketTo(b []byte, to netip.AddrPort, name string) error {
	return t.NamedTransport.WritePacketTo(b, t.addr(to), name)
}

func (t mapped) WritePacket(b []byte, to netip.AddrPort) error {
	return t.NamedTransport.WritePacket(b, t.addr(to))
}

func (t mapped) DialTo(ctx context.Context, to netip.AddrPort, name string) (net.Conn, error) {
	return t.NamedTransport.DialTo(ctx, t.addr(to), name)
}

func (t mapped) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return t.NamedTransport.Dial(ctx, t.addr(to))
}
