package system

import (
	"net"
	"sync/atomic"
)

// Traffic counts what the nodes of one measurement send. Packets are counted
// where they are handed to the socket, so with their label, checksum and
// encryption but without IP and UDP headers; streams are counted at the
// dialling side, both directions.
type Traffic struct {
	Packets, PacketBytes atomic.Uint64
	Streams, StreamBytes atomic.Uint64
}

// Totals is a reading of a Traffic.
type Totals struct {
	Packets, PacketBytes, Streams, StreamBytes uint64
}

// Read returns the counters as they stand.
func (t *Traffic) Read() Totals {
	return Totals{t.Packets.Load(), t.PacketBytes.Load(), t.Streams.Load(), t.StreamBytes.Load()}
}

func (t *Traffic) packet(n int) {
	t.Packets.Add(1)
	t.PacketBytes.Add(uint64(n))
}

// Dialled wraps a connection so that its bytes are counted.
func (t *Traffic) Dialled(c net.Conn) net.Conn {
	t.Streams.Add(1)
	return &countedConn{Conn: c, bytes: &t.StreamBytes}
}

type countedConn struct {
	net.Conn
	bytes *atomic.Uint64
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(uint64(n))
	return n, err
}

func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.bytes.Add(uint64(n))
	return n, err
}
