package memberlist

import (
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
)

// NetTransportConfig configures a NetTransport.
type NetTransportConfig struct {
	// BindAddrs are the addresses to listen on, at least one. Packets are sent
	// from the first.
	BindAddrs []string

	// BindPort is the port on each; 0 for one that is free for all.
	BindPort int

	// Logger is told of errors in reading; nil logs to os.Stderr.
	Logger *log.Logger

	// MetricLabels are put on the metric of bytes received.
	MetricLabels []metrics.Label
}

// NetTransport is UDP for packets, and TCP, a connection for each, for streams.
type NetTransport struct {
	cfg     NetTransportConfig
	packets chan *Packet
	streams chan net.Conn
	tcp     []net.Listener
	udp     []*net.UDPConn
	done    chan struct{}
	once    sync.Once
	work    sync.WaitGroup
	closing error
}

var _ NodeAwareTransport = (*NetTransport)(nil)

const (
	datagramMax  = 64 << 10
	readRoom     = 2 << 20                // asked of the system for packets not read yet
	retryFirst   = 5 * time.Millisecond   // after an error in reading or accepting
	retryLongest = 500 * time.Millisecond // after several in a row
)

// NewNetTransport listens as the configuration says. An error leaves nothing
// behind.
func NewNetTransport(config *NetTransportConfig) (*NetTransport, error) {
	if len(config.BindAddrs) == 0 {
		return nil, errors.New("at least one bind address is required")
	}
	t := &NetTransport{
		cfg: *config, packets: make(chan *Packet), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	if t.cfg.Logger == nil {
		t.cfg.Logger = log.New(os.Stderr, "", log.LstdFlags)
	}
	for _, addr := range config.BindAddrs {
		if err := t.listen(addr); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	for _, l := range t.tcp {
		t.work.Go(func() { t.accept(l) })
	}
	for _, c := range t.udp {
		t.work.Go(func() { t.read(c) })
	}
	return t, nil
}

// listen binds one address, all of them to the port that the first has got.
func (t *NetTransport) listen(addr string) error {
	port := t.cfg.BindPort
	if port == 0 && len(t.tcp) > 0 {
		port = t.GetAutoBindPort()
	}
	ip := net.ParseIP(addr)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: ip, Port: port})
	if err != nil {
		return fmt.Errorf("failed to start TCP listener on %q port %d: %w", addr, port, err)
	}
	t.tcp = append(t.tcp, l)
	port = l.Addr().(*net.TCPAddr).Port
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: ip, Port: port})
	if err != nil {
		return fmt.Errorf("failed to start UDP listener on %q port %d: %w", addr, port, err)
	}
	t.udp = append(t.udp, c)
	for size := readRoom; size > 0; size /= 2 {
		if err = c.SetReadBuffer(size); err == nil {
			return nil
		}
	}
	return fmt.Errorf("failed to resize UDP buffer: %w", err)
}

// GetAutoBindPort returns the port listened on, also if the system chose it.
func (t *NetTransport) GetAutoBindPort() int { return t.tcp[0].Addr().(*net.TCPAddr).Port }

// FinalAdvertiseAddr returns the address and port given, or else what is
// listened on; listening on all addresses, a private one of this machine.
func (t *NetTransport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return advertised(ip, port, t.cfg.BindAddrs[0], t.GetAutoBindPort())
}

// WriteTo sends a packet.
func (t *NetTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

// WriteToAddress sends a packet; the name does not matter.
func (t *NetTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", a.Addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.udp[0].WriteToUDP(b, to)
	return time.Now(), err
}

// PacketCh returns the channel of incoming packets.
func (t *NetTransport) PacketCh() <-chan *Packet { return t.packets }

// DialTimeout opens a stream.
func (t *NetTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream; the name does not matter.
func (t *NetTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", a.Addr, timeout)
}

// StreamCh returns the channel of incoming streams.
func (t *NetTransport) StreamCh() <-chan net.Conn { return t.streams }

// IngestPacket reads a packet from conn until its end, and delivers it as one
// that came from addr at the time now.
func (t *NetTransport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	return ingestPacket(t.packets, t.done, conn, addr, now, shouldClose)
}

// IngestStream delivers a stream that came in elsewhere.
func (t *NetTransport) IngestStream(conn net.Conn) error {
	return ingestStream(t.streams, t.done, conn)
}

// Shutdown closes what is listened on and waits for the readers to end.
func (t *NetTransport) Shutdown() error {
	t.once.Do(func() {
		close(t.done)
		t.closing = t.close()
		t.work.Wait()
	})
	return t.closing
}

func (t *NetTransport) close() error {
	var faults []error
	for _, l := range t.tcp {
		faults = append(faults, l.Close())
	}
	for _, c := range t.udp {
		faults = append(faults, c.Close())
	}
	return errors.Join(faults...)
}

func (t *NetTransport) closed() bool {
	select {
	case <-t.done:
		return true
	default:
		return false
	}
}

// accept delivers streams until Shutdown.
func (t *NetTransport) accept(l net.Listener) {
	for wait := retryFirst; ; {
		conn, err := l.Accept()
		if t.closed() {
			if err == nil {
				t.complain("Error accepting TCP connection", conn.Close())
			}
			return
		}
		if err != nil {
			t.complain("Error accepting TCP connection", err)
			wait = t.pause(wait)
			continue
		}
		wait = retryFirst
		if ingestStream(t.streams, t.done, conn) != nil {
			return
		}
	}
}

// read delivers packets until Shutdown. Each is copied out of one buffer, so
// that what waits takes the room of its bytes.
func (t *NetTransport) read(c *net.UDPConn) {
	buf := make([]byte, datagramMax)
	for wait := retryFirst; ; {
		n, from, err := c.ReadFromUDP(buf)
		now := time.Now()
		switch {
		case t.closed():
			return
		case err != nil:
			t.complain("Error reading UDP packet", err)
			wait = t.pause(wait)
			continue
		case n == 0:
			t.cfg.Logger.Printf("[ERR] memberlist: UDP packet too short (0 bytes) %s", LogAddress(from))
			continue
		}
		wait = retryFirst
		metrics.IncrCounterWithLabels([]string{"memberlist", "udp", "received"}, float32(n), t.cfg.MetricLabels)
		p := &Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: now}
		select {
		case t.packets <- p:
		case <-t.done:
			return
		}
	}
}

func (t *NetTransport) complain(what string, err error) {
	if err != nil {
		t.cfg.Logger.Printf("[ERR] memberlist: %s: %v", what, err)
	}
}

// pause waits before another try, and returns how long to wait the next time:
// an error that persists must not spin.
func (t *NetTransport) pause(d time.Duration) time.Duration {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.done:
	}
	return min(2*d, retryLongest)
}
