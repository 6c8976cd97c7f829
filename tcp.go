package muster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// TCPTransport carries packets and streams over TCP alone, for networks where
// UDP does not pass, and over TLS (see ListenTLS). Packets to a peer travel on a
// stream that is kept open while there is traffic. They are as unreliable as
// over UDP: what cannot be sent soon is dropped, since news that is late is no
// news. All members of a cluster must use it; memberlist's own transport sends
// packets by UDP.
type TCPTransport struct {
	layer  streamLayer
	secure *tlsSecurity // nil for plain TCP
	opts   TCPOptions
	log    *slog.Logger
	pace   pace

	inbox    chan inPacket
	accepted chan net.Conn
	greeting connSet // accepted and not yet known to be anything
	incoming connSet // streams that packets come by
	out      outgoing
	counts   tcpCounters

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// TCPOptions are for ListenTCP and ListenTLS. The zero value is fine.
type TCPOptions struct {
	// MaxPeers bounds the streams that packets leave by, and those that they
	// come by: 1024 by default. Beyond it the one that was used longest ago is
	// closed; it is opened again when there is another packet.
	MaxPeers int
	// IdleTimeout is how long a stream is kept that nothing uses: a minute by
	// default. Shorter costs more handshakes, longer more open files.
	IdleTimeout time.Duration
	// Logger takes what an operator should know; slog.Default() if nil.
	Logger *slog.Logger
}

// streamLayer is what packets and streams are carried over.
type streamLayer interface {
	Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	Accept() (net.Conn, error)
	Addr() netip.AddrPort
	Close() error
}

// ListenTCP listens on bind, "host:port", "host" or ":port", for packets and
// streams alike. The transport is for one node, as Config.Transport, which
// closes it.
func ListenTCP(bind string, opts ...TCPOptions) (*TCPTransport, error) {
	l, err := listenStreams(bind)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", bind, err)
	}
	var o TCPOptions
	if len(opts) > 0 {
		o = opts[0]
	}
	return newTCP(l, o, nil), nil
}

func newTCP(l streamLayer, o TCPOptions, secure *tlsSecurity) *TCPTransport {
	o.MaxPeers = cmp.Or(o.MaxPeers, 1024)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, time.Minute)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	t := &TCPTransport{
		layer: l, secure: secure, opts: o, log: o.Logger.With("addr", l.Addr()),
		inbox: make(chan inPacket, inboxMax), accepted: make(chan net.Conn, inboundMax),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.greeting.init(greetingMax)
	t.incoming.init(o.MaxPeers)
	t.out.init(t)
	if secure != nil {
		secure.t = t
		t.work.Go(secure.watch)
	}
	t.work.Go(t.acceptLoop)
	return t
}

// Dial opens a protocol stream.
func (t *TCPTransport) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if t.ctx.Err() != nil {
		return nil, net.ErrClosed
	}
	conn, err := t.layer.Dial(ctx, to)
	if err != nil || t.secure == nil {
		return conn, err
	}
	return t.secure.client(ctx, conn)
}

// Accept returns the next protocol stream.
func (t *TCPTransport) Accept() (net.Conn, error) {
	select {
	case conn := <-t.accepted:
		return conn, nil
	case <-t.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Addr is the address that is listened on.
func (t *TCPTransport) Addr() netip.AddrPort { return t.layer.Addr() }

// Close closes the listener and the streams that carry packets, and returns
// when no goroutine of the transport is left.
func (t *TCPTransport) Close() error {
	if t.ctx.Err() != nil {
		return net.ErrClosed
	}
	t.cancel()
	err := t.layer.Close()
	t.greeting.close()
	t.incoming.close()
	t.out.close()
	t.work.Wait()
	for {
		select {
		case conn := <-t.accepted:
			abort(conn) // the node has stopped to accept
		default:
			return err
		}
	}
}

// abort closes a connection at once. What has not arrived by now is lost, as
// packets may be; there is nothing to do about an error.
func abort(conn net.Conn) {
	if c, ok := conn.(interface{ abort() }); ok {
		c.abort()
		return
	}
	_ = conn.Close()
}

// discard closes a connection and has the system forget what it has yet to send:
// it would go on trying for minutes, and deliver what nobody waits for any more.
func discard(conn net.Conn) {
	raw := conn
	if c, ok := conn.(interface{ NetConn() net.Conn }); ok {
		raw = c.NetConn()
	}
	if c, ok := raw.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0) // it is closed at once in any case
	}
	abort(conn)
}

// tcpLayer is the operating system's TCP.
type tcpLayer struct {
	*net.TCPListener
	addr   netip.AddrPort
	dialer net.Dialer
}

func listenStreams(bind string) (*tcpLayer, error) {
	h, err := splitAddr(bind, DefaultPort)
	if err != nil {
		return nil, err
	}
	addr := net.JoinHostPort(h.host, strconv.Itoa(int(h.port)))
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), network("tcp", addr), addr)
	if err != nil {
		return nil, err
	}
	t := &tcpLayer{TCPListener: l.(*net.TCPListener)}
	bound := t.TCPListener.Addr().(*net.TCPAddr).AddrPort()
	t.addr = netip.AddrPortFrom(bound.Addr().Unmap(), bound.Port())
	return t, nil
}

// Dial goes out from the address that is listened on: the other side takes the
// address that packets come from for the one to answer to.
func (l *tcpLayer) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	d := l.dialer
	if ip := l.addr.Addr(); !ip.IsUnspecified() && ip.Is4() == to.Addr().Unmap().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, 0))
	}
	return d.DialContext(ctx, "tcp", to.String())
}

func (l *tcpLayer) Accept() (net.Conn, error) { return l.TCPListener.Accept() }
func (l *tcpLayer) Addr() netip.AddrPort      { return l.addr }

// quietEnd says whether an error is only the end of a stream, or of everything.
func quietEnd(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)
}
