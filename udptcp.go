package muster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
)

// udpTCP carries packets over UDP and streams over TCP, on one port number.
type udpTCP struct {
	udp    *net.UDPConn
	raw    syscall.RawConn
	tcp    *net.TCPListener
	addr   netip.AddrPort
	dialer net.Dialer
	reader packetReader
}

// ListenUDPTCP returns the transport that Start uses by default: UDP and TCP on
// the same port of bind, which is "host:port", "host" or ":port". For port 0 a
// port is found that is free for both.
func ListenUDPTCP(bind string) (Transport, error) {
	h, err := splitAddr(bind, DefaultPort)
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(h.host, strconv.Itoa(int(h.port)))
	tries := 1
	if h.port == 0 {
		tries = 10 // the port that TCP got may be taken for UDP
	}
	var t *udpTCP
	for range tries {
		if t, err = listenUDPTCP(addr); err == nil {
			return t, nil
		}
	}
	return nil, err
}

func listenUDPTCP(addr string) (*udpTCP, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), network("tcp", addr), addr)
	if err != nil {
		return nil, fmt.Errorf("listen for streams: %w", err)
	}
	t := &udpTCP{tcp: l.(*net.TCPListener)}
	bound := t.tcp.Addr().(*net.TCPAddr).AddrPort()
	t.addr = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	at := net.JoinHostPort(host, strconv.Itoa(int(bound.Port())))
	p, err := lc.ListenPacket(context.Background(), network("udp", addr), at)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("listen for packets: %w", err), l.Close())
	}
	t.udp = p.(*net.UDPConn)
	if t.raw, err = t.udp.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("listen for packets: %w", err), l.Close(), p.Close())
	}
	t.growBuffer()
	return t, nil
}

// network keeps "0.0.0.0" to IPv4: Go would otherwise listen on both, and
// members would see IPv4 addresses in IPv6 form.
func network(kind, addr string) string {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Is4() {
			return kind + "4"
		}
	}
	return kind
}

// growBuffer asks for a large receive buffer, as bursts come from the whole
// cluster at once, and settles for what the system grants.
func (t *udpTCP) growBuffer() {
	for size := 2 << 20; size >= 64<<10; size /= 2 {
		if t.udp.SetReadBuffer(size) == nil {
			return
		}
	}
}

// packetMax is the size of the largest datagram.
const packetMax = 64 << 10

// packetBuffers are shared by all nodes of a process: one that waits for a
// packet holds none.
var packetBuffers = sync.Pool{New: func() any {
	b := make([]byte, packetMax)
	return &b
}}

func (t *udpTCP) WritePacket(b []byte, to netip.AddrPort) error {
	_, err := t.udp.WriteToUDPAddrPort(b, to)
	return err
}

func (t *udpTCP) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return t.dialer.DialContext(ctx, "tcp", to.String())
}

func (t *udpTCP) Accept() (net.Conn, error) { return t.tcp.Accept() }
func (t *udpTCP) Addr() netip.AddrPort      { return t.addr }
func (t *udpTCP) Close() error              { return errors.Join(t.tcp.Close(), t.udp.Close()) }
