package memberlist

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// hanging is a transport on which sending to some addresses takes for ever, as
// it may where packets travel over TCP.
type hanging struct {
	*MockTransport
	mu    sync.Mutex
	hangs map[string]bool
	end   chan struct{}
}

func (h *hanging) WriteToAddress(b []byte, a Address) (time.Time, error) {
	h.mu.Lock()
	hangs := h.hangs[a.Addr]
	h.mu.Unlock()
	if hangs {
		<-h.end
		return time.Time{}, errors.New("gave up")
	}
	return h.MockTransport.WriteToAddress(b, a)
}

// TestHangingTransport: a node whose transport hangs on one address goes on with
// the others, and finds the one it cannot reach dead by and by.
func TestHangingTransport(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(nil, "a")
		h := &hanging{MockTransport: network.NewTransport("a"), hangs: make(map[string]bool), end: make(chan struct{})}
		defer close(h.end)
		conf.Transport = h
		a, b, c := start(t, conf), start(t, quick(network, "b")), start(t, quick(network, "c"))
		b.join(t, a)
		c.join(t, a)
		h.mu.Lock()
		h.hangs[c.LocalNode().Address()] = true
		h.mu.Unlock()
		time.Sleep(20 * time.Second)
		if err := a.SendBestEffort(b.LocalNode(), []byte("hello")); err != nil {
			t.Error(err)
		}
		eventually(t, "b got the message", func() bool { return b.rec.has("msg hello") })
		if names(b.Members()) != "a b c" { // c answers the others and, by them, a
			t.Errorf("b has %v", b.Members())
		}
	})
}

// namelessTransport is one that knows nothing of names.
type namelessTransport struct{ Transport }

// TestNamelessTransport: such a one does, too.
func TestNamelessTransport(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(nil, "a")
		conf.Transport = namelessTransport{network.NewTransport("a")}
		a, b := start(t, conf), start(t, quick(network, "b"))
		a.join(t, b)
		time.Sleep(5 * time.Second)
		if a.NumMembers() != 2 || b.NumMembers() != 2 {
			t.Errorf("a has %v, b has %v", a.Members(), b.Members())
		}
		if !strings.Contains(a.log.String(), "[DEBUG] memberlist: configured Transport is not a NodeAwareTransport") {
			t.Errorf("a logged\n%s", a.log)
		}
	})
}

// TestOutbox: what waits is bounded, and sent in order.
func TestOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []byte
		gate := make(chan struct{})
		o := newOutbox(func(b []byte, _ Address) error {
			<-gate
			sent = append(sent, b...)
			return nil
		})
		to := Address{Addr: "a"}
		accepted := 0
		for i := range 2 * outPackets {
			if err := o.post([]byte{byte(i)}, to); err == nil {
				accepted++
			} else if !errors.Is(err, errOutboxFull) {
				t.Fatal(err)
			}
			if i == 0 {
				synctest.Wait() // the first is being sent
			}
		}
		if accepted != outPackets+1 {
			t.Errorf("%d packets wait", accepted)
		}
		close(gate)
		synctest.Wait()
		for i, b := range sent {
			if b != byte(i) {
				t.Fatalf("packet %d is %d", i, b)
			}
		}
		if len(sent) != accepted || len(o.queues) != 0 {
			t.Errorf("sent %d of %d, %d queues are left", len(sent), accepted, len(o.queues))
		}
		big := make([]byte, outBytes+1)
		if err := o.post(big, to); err != nil {
			t.Errorf("one packet must always fit: %v", err)
		}
		o.close()
		if err := o.post(nil, to); !errors.Is(err, errClosed) {
			t.Errorf("after close: %v", err)
		}
	})
}

// TestNetTransport sends a packet and a stream between two, and ingests both.
func TestNetTransport(t *testing.T) {
	listen := func(addrs ...string) *NetTransport {
		n, err := NewNetTransport(&NetTransportConfig{BindAddrs: addrs, Logger: log.New(io.Discard, "", 0)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := n.Shutdown(); err != nil {
				t.Error(err)
			}
		})
		return n
	}
	a, b := listen("127.0.0.1"), listen("127.0.0.1", "127.0.0.2")
	for _, host := range []string{"127.0.0.1", "127.0.0.2"} {
		to := net.JoinHostPort(host, fmt.Sprint(b.GetAutoBindPort()))
		if _, err := a.WriteTo([]byte("packet"), to); err != nil {
			t.Fatal(err)
		}
		p := <-b.PacketCh()
		if string(p.Buf) != "packet" || addrPortOf(p.From).Port() != uint16(a.GetAutoBindPort()) || p.Timestamp.IsZero() {
			t.Errorf("got %q from %v at %v", p.Buf, p.From, p.Timestamp)
		}
		conn, err := a.DialTimeout(to, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		in := <-b.StreamCh()
		if in.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Errorf("a stream from %v, want %v", in.RemoteAddr(), conn.LocalAddr())
		}
		if err := errors.Join(conn.Close(), in.Close()); err != nil {
			t.Error(err)
		}
	}
	ingest(t, a, a.PacketCh(), a.StreamCh())
	if err := a.Shutdown(); err != nil {
		t.Error(err)
	}
	if err := a.IngestStream(nopConn{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Shutdown: %v", err)
	}
}

type nopConn struct{ net.Conn }

func (nopConn) Close() error { return nil }

// ingest hands a packet and a stream to a transport from outside.
func ingest(t *testing.T, to IngestionAwareTransport, packets <-chan *Packet, streams <-chan net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 2)
	from := &net.UDPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 5}
	go func() { done <- to.IngestPacket(near, from, time.Unix(1, 0), true) }()
	if _, err := far.Write([]byte("ingested")); err != nil {
		t.Fatal(err)
	}
	if err := far.Close(); err != nil {
		t.Fatal(err)
	}
	if p := <-packets; string(p.Buf) != "ingested" || p.From != from || !p.Timestamp.Equal(time.Unix(1, 0)) {
		t.Errorf("ingested %q from %v at %v", p.Buf, p.From, p.Timestamp)
	}
	stream, _ := net.Pipe()
	go func() { done <- to.IngestStream(stream) }()
	if got := <-streams; got != stream {
		t.Error("another stream came out")
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	empty, end := net.Pipe()
	if err := end.Close(); err != nil {
		t.Fatal(err)
	}
	if err := to.IngestPacket(empty, from, time.Now(), true); err == nil {
		t.Error("ingested nothing")
	}
}

// TestMockTransport finds others by name and by address until they are gone.
func TestMockTransport(t *testing.T) {
	var network MockNetwork
	a, b := network.NewTransport("a"), network.NewTransport("b")
	ingest(t, a, a.PacketCh(), a.StreamCh())
	for _, to := range []Address{{Addr: b.addr.String()}, {Addr: "elsewhere", Name: "b"}} {
		if _, err := a.WriteToAddress([]byte("packet"), to); err != nil {
			t.Fatal(err)
		}
		if p := <-b.PacketCh(); string(p.Buf) != "packet" || p.From.String() != a.addr.String() || p.From.Network() == "" {
			t.Errorf("got %q from %v", p.Buf, p.From)
		}
	}
	if _, err := a.DialTimeout(b.addr.String(), time.Millisecond); err == nil {
		t.Error("a stream that nobody takes was opened")
	} else if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("not a timeout: %v", err)
	}
	if err := b.Shutdown(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.WriteTo(nil, b.addr.String()); err == nil {
		t.Error("there is a way to what is gone")
	}
}

// TestAdvertised: what is asked for, else what is bound, else a private address.
func TestAdvertised(t *testing.T) {
	for _, c := range []struct {
		ip        string
		port      int
		bound     string
		boundPort int
		want      string
	}{
		{"1.2.3.4", 5, "0.0.0.0", 6, "1.2.3.4:5"},
		{"::1", 5, "127.0.0.1", 6, "[::1]:5"},
		{"", 5, "127.0.0.1", 6, "127.0.0.1:6"},
		{"", 5, "::1", 6, "[::1]:6"},
		{"nonsense", 5, "127.0.0.1", 6, "failed to parse advertise address \"nonsense\""},
	} {
		ip, port, err := advertised(c.ip, c.port, c.bound, c.boundPort)
		got := net.JoinHostPort(ip.String(), fmt.Sprint(port))
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
	ip, port, err := advertised("", 5, "0.0.0.0", 6)
	if err == nil && (!ip.IsPrivate() || port != 6) {
		t.Errorf("bound to everything: %v %d", ip, port)
	}
}

// TestRealSockets: two nodes on this machine, IPv4 and IPv6, and no goroutine
// left behind.
func TestRealSockets(t *testing.T) {
	before := runtime.NumGoroutine()
	for _, ip := range []string{"127.0.0.1", "::1"} {
		if l, err := net.ListenPacket("udp", net.JoinHostPort(ip, "0")); err != nil {
			t.Logf("no %s here: %v", ip, err)
			continue
		} else if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		var all []*member
		for i := range 2 {
			conf := quick(nil, fmt.Sprint(i))
			conf.BindAddr = ip
			m := &member{rec: &recorder{}, log: new(syncBuffer)}
			conf.Delegate, conf.LogOutput = m.rec, m.log
			var err error
			if m.Memberlist, err = Create(conf); err != nil {
				t.Fatal(err)
			}
			all = append(all, m)
		}
		all[1].join(t, all[0])
		if err := all[0].SendReliable(all[1].LocalNode(), []byte("hello")); err != nil {
			t.Error(err)
		}
		eventually(t, "the message came", func() bool { return all[1].rec.has("msg hello") })
		rtt, err := all[0].Ping("1", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(all[1].LocalNode().Address())))
		if err != nil || rtt <= 0 {
			t.Errorf("ping took %v: %v", rtt, err)
		}
		for _, m := range all {
			if err := m.Shutdown(); err != nil {
				t.Error(err)
			}
		}
	}
	eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
}
