package memberlist

import (
	"context"
	"log"
	"net"
	"net/netip"

	"github.com/hashicorp/go-metrics"

	"github.com/musterhq/muster"
)

// metered counts what goes over a transport.
type metered struct {
	muster.NamedTransport
	labels []metrics.Label
	log    *log.Logger
}

var _ muster.NamedTransport = metered{}

var (
	udpReceived = []string{"memberlist", "udp", "received"}
	udpSent     = []string{"memberlist", "udp", "sent"}
	tcpConnect  = []string{"memberlist", "tcp", "connect"}
	tcpAccept   = []string{"memberlist", "tcp", "accept"}
	tcpSent     = []string{"memberlist", "tcp", "sent"}
)

func (t metered) count(what []string, n int) {
	metrics.IncrCounterWithLabels(what, float32(n), t.labels)
}

func (t metered) ReadPacket(handle func(b []byte, from netip.AddrPort)) error {
	return t.NamedTransport.ReadPacket(func(b []byte, from netip.AddrPort) {
		t.count(udpReceived, len(b))
		handle(b, from)
	})
}

func (t metered) WritePacket(b []byte, to netip.AddrPort) error {
	return t.WritePacketTo(b, to, "")
}

func (t metered) WritePacketTo(b []byte, to netip.AddrPort, name string) error {
	t.count(udpSent, len(b))
	return t.NamedTransport.WritePacketTo(b, to, name)
}

func (t metered) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return t.DialTo(ctx, to, "")
}

func (t metered) DialTo(ctx context.Context, to netip.AddrPort, name string) (net.Conn, error) {
	conn, err := t.NamedTransport.DialTo(ctx, to, name)
	if err != nil {
		return nil, err
	}
	t.count(tcpConnect, 1)
	return meteredConn{conn, t}, nil
}

func (t metered) Accept() (net.Conn, error) {
	conn, err := t.NamedTransport.Accept()
	if err != nil {
		return nil, err
	}
	t.count(tcpAccept, 1)
	t.log.Printf("[DEBUG] memberlist: Stream connection %s", LogConn(conn))
	return meteredConn{conn, t}, nil
}

type meteredConn struct {
	net.Conn
	t metered
}

func (c meteredConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.t.count(tcpSent, n)
	return n, err
}
