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
