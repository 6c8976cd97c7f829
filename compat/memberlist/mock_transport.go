package memberlist

import (
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"
)

// MockNetwork is a network within the process, for tests. Its zero value is
// ready for use.
type MockNetwork struct {
	mu     sync.Mutex
	byAddr map[string]*MockTransport
	byName map[string]*MockTransport
	port   int // the last one given away
}

// MockAddress is an address in a MockNetwork.
type MockAddress struct {
	addr, name string
}

var _ net.Addr = (*MockAddress)(nil)

// Network returns "mock".
func (a *MockAddress) Network() string { return "mock" }

// String returns "host:port".
func (a *MockAddress) String() string { return a.addr }

// MockTransport is one node's access to a MockNetwork. Until Shutdown it can be
// reached by its address and, where names are given, by its name.
type MockTransport struct {
	net     *MockNetwork
	addr    MockAddress
	packets chan *Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
}

var _ NodeAwareTransport = (*MockTransport)(nil)

// mockQueue is how many packets may wait for a node; further ones are lost, as
// they would be on a real network.
const mockQueue = 4096

// NewTransport returns a transport under the name and an address of its own.
func (n *MockNetwork) NewTransport(name string) *MockTransport {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byAddr == nil {
		n.byAddr, n.byName = make(map[string]*MockTransport), make(map[string]*MockTransport)
	}
	n.port++
	t := &MockTransport{
		net:     n,
		addr:    MockAddress{addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port)), name: name},
		packets: make(chan *Packet, mockQueue),
		streams: make(chan net.Conn),
		done:    make(chan struct{}),
	}
	n.byAddr[t.addr.addr], n.byName[name] = t, t
	return t
}

// find returns the transport that is called so, or else is there.
func (n *MockNetwork) find(a Address) (*MockTransport, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.byName[a.Name]; t != nil && a.Name != "" {
		return t, nil
	}
	if t := n.byAddr[a.Addr]; t != nil {
		return t, nil
	}
	return nil, fmt.Errorf("no route to %s", a.String())
}

func (n *MockNetwork) remove(t *MockTransport) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byAddr, t.addr.addr)
	if n.byName[t.addr.name] == t {
		delete(n.byName, t.addr.name)
	}
}

// FinalAdvertiseAddr returns the address in the network.
func (t *MockTransport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	host, digits, err := net.SplitHostPort(t.addr.addr)
	if err != nil {
		return nil, 0, err
	}
	port, err := strconv.Atoi(digits)
	if err != nil {
		return nil, 0, fmt.Errorf("port %q: %w", digits, err)
	}
	ip := net.ParseIP(host)
	if ip == nil {
		return nil, 0, fmt.Errorf("failed to parse IP %q", host)
	}
	return ip, port, nil
}

// WriteTo sends a packet.
func (t *MockTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, Address{Addr: addr})
}

// WriteToAddress sends a packet.
func (t *MockTransport) WriteToAddress(b []byte, a Address) (time.Time, error) {
	peer, err := t.net.find(a)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	select {
	case peer.packets <- &Packet{Buf: append([]byte(nil), b...), From: &t.addr, Timestamp: now}:
	default: // lost
	}
	return now, nil
}

// PacketCh returns the channel of incoming packets.
func (t *MockTransport) PacketCh() <-chan *Packet { return t.packets }

// IngestPacket reads a packet from conn until its end, and delivers it as one
// that came from addr at the time now.
func (t *MockTransport) IngestPacket(conn net.Conn, addr net.Addr, now time.Time, shouldClose bool) error {
	return ingestPacket(t.packets, t.done, conn, addr, now, shouldClose)
}

// DialTimeout opens a stream.
func (t *MockTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(Address{Addr: addr}, timeout)
}

// DialAddressTimeout opens a stream.
func (t *MockTransport) DialAddressTimeout(a Address, timeout time.Duration) (net.Conn, error) {
	peer, err := t.net.find(a)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case peer.streams <- mockConn{far, &t.addr}:
		return mockConn{near, &peer.addr}, nil
	case <-peer.done:
		return nil, fmt.Errorf("no route to %s", a.String())
	case <-timer.C:
		return nil, fmt.Errorf("dial %s: %w", a.String(), errMockTimeout)
	}
}

// mockConn is one end of a stream, with the address of the other.
type mockConn struct {
	net.Conn
	remote *MockAddress
}

func (c mockConn) RemoteAddr() net.Addr { return c.remote }

type mockTimeout struct{}

func (mockTimeout) Error() string   { return "i/o timeout" }
func (mockTimeout) Timeout() bool   { return true }
func (mockTimeout) Temporary() bool { return true }

// errMockTimeout is a net.Error, as the one of a real network is.
var errMockTimeout net.Error = mockTimeout{}

// StreamCh returns the channel of incoming streams.
func (t *MockTransport) StreamCh() <-chan net.Conn { return t.streams }

// IngestStream delivers a stream that came in elsewhere.
func (t *MockTransport) IngestStream(conn net.Conn) error {
	return ingestStream(t.streams, t.done, conn)
}

// Shutdown takes the node off the network.
func (t *MockTransport) Shutdown() error {
	t.once.Do(func() {
		close(t.done)
		t.net.remove(t)
	})
	return nil
}
