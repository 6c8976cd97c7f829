package memberlist

import (
	"net"
	"time"
)

// Packet is one that has come in.
type Packet struct {
	// Buf is the receiver's to keep.
	Buf []byte

	// From is where it came from.
	From net.Addr

	// Timestamp is when it was received.
	Timestamp time.Time
}

// Transport carries packets, best effort, and streams, reliably. Its methods are
// called at the same time from several goroutines; addresses are "host:port".
//
// WriteTo and WriteToAddress should not block for long: while they do, nothing
// else is sent.
type Transport interface {
	// FinalAdvertiseAddr returns what to tell other nodes, given what the
	// configuration says about it, if anything.
	FinalAdvertiseAddr(ip string, port int) (net.IP, int, error)

	// WriteTo sends a packet and returns when it was sent. It does not keep b.
	WriteTo(b []byte, addr string) (time.Time, error)

	// PacketCh returns the channel of incoming packets.
	PacketCh() <-chan *Packet

	// DialTimeout opens a stream.
	DialTimeout(addr string, timeout time.Duration) (net.Conn, error)

	// StreamCh returns the channel of incoming streams.
	StreamCh() <-chan net.Conn

	// Shutdown is called once nothing more is wanted.
	Shutdown() error
}

// NodeAwareTransport is a Transport that wants to know the name of the node at
// an address. The name is empty where it is not known.
type NodeAwareTransport interface {
	Transport

	// WriteToAddress is WriteTo with a name.
	WriteToAddress(b []byte, addr Address) (time.Time, error)

	// DialAddressTimeout is DialTimeout with a name.
	DialAddressTimeout(addr Address, timeout time.Duration) (net.Conn, error)
}

// IngestionAwareTransport is not used.
//
// Deprecated: define an interface of your own where you need one.
type IngestionAwareTransport interface {
	IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error
	IngestStream(conn net.Conn) error
}

// nameless makes a Transport that does not care for names a NodeAwareTransport.
type nameless struct{ Transport }

func (t nameless) WriteToAddress(b []byte, addr Address) (time.Time, error) {
	return t.WriteTo(b, addr.Addr)
}

func (t nameless) DialAddressTimeout(addr Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(addr.Addr, timeout)
}
