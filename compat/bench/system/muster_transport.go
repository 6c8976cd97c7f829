package system

import (
	"context"
	"net"
	"net/netip"
	"sync"

	"github.com/musterhq/muster"
)

// countedMuster is muster's own transport with a counter on what goes out.
type countedMuster struct {
	muster.Transport
	traffic *Traffic
}

func (t *countedMuster) WritePacket(b []byte, to netip.AddrPort) error {
	t.traffic.packet(len(b))
	return t.Transport.WritePacket(b, to)
}

func (t *countedMuster) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	c, err := t.Transport.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return t.traffic.Dialled(c), nil
}

// isolatedMuster has no sockets: see Options.Isolated.
type isolatedMuster struct {
	traffic *Traffic
	answer  func(net.Conn)
	close   sync.Once
	closed  chan struct{}
}

func newIsolatedMuster(o Options) *isolatedMuster {
	return &isolatedMuster{traffic: o.Traffic, answer: o.Isolated, closed: make(chan struct{})}
}

func (t *isolatedMuster) ReadPacket(func([]byte, netip.AddrPort)) error {
	<-t.closed
	return net.ErrClosed
}

func (t *isolatedMuster) WritePacket(b []byte, _ netip.AddrPort) error {
	t.traffic.packet(len(b))
	return nil
}

func (t *isolatedMuster) Dial(context.Context, netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	go t.answer(far)
	return near, nil
}

func (t *isolatedMuster) Accept() (net.Conn, error) {
	<-t.closed
	return nil, net.ErrClosed
}

func (t *isolatedMuster) Addr() netip.AddrPort { return netip.MustParseAddrPort("127.0.0.1:7946") }

func (t *isolatedMuster) Close() error {
	t.close.Do(func() { close(t.closed) })
	return nil
}
