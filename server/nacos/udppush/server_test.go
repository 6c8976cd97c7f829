package udppush

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// wire is a PacketConn without a network.
type wire struct {
	mu   sync.Mutex
	sent []packet
	in   chan packet
	done chan struct{}
	once sync.Once
}

type packet struct {
	addr netip.AddrPort
	b    []byte
}

func newWire() *wire { return &wire{in: make(chan packet, 100), done: make(chan struct{})} }

func (w *wire) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-w.in:
		return copy(b, p.b), net.UDPAddrFromAddrPort(p.addr), nil
	case <-w.done:
		return 0, nil, net.ErrClosed
	}
}

func (w *wire) WriteTo(b []byte, to net.Addr) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, packet{to.(*net.UDPAddr).AddrPort(), bytes.Clone(b)})
	return len(b), nil
}

func (w *wire) Close() error                     { w.once.Do(func() { close(w.done) }); return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.UDPAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

func (w *wire) packets() []packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]packet(nil), w.sent...)
}

// dom is a push as a client reads it.
type dom struct {
	Type        string
	Data        string
	LastRefTime uint64
}

func (p packet) read(t *testing.T) (d dom, hosts []string) {
	t.Helper()
	b := p.b
	if bytes.HasPrefix(b, []byte("\x1f\x8b")) {
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if b, err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	} else if len(b) >= compressFrom {
		t.Fatalf("%d bytes were not compressed", len(b))
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatalf("%q: %v", b, err)
	}
	var list struct {
		Name  string
		Dom   string
		Hosts []struct{ IP string }
	}
	if err := json.Unmarshal([]byte(d.Data), &list); err != nil {
		t.Fatalf("%q: %v", d.Data, err)
	}
	if d.Type != "dom" || list.Name != "DEFAULT_GROUP@@demo" || list.Dom != list.Name {
		t.Fatalf("%+v", d)
	}
	for _, h := range list.Hosts {
		hosts = append(hosts, h.IP)
	}
	return d, hosts
}

type world struct {
	t    *testing.T
	reg  *registry.Registry
	wire *wire
	udp  *Server
}

func newWorld(t *testing.T) *world {
	reg := registrytest.New(registry.Options{})
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	reg.Ready(0)
	w := &world{t: t, reg: reg, wire: newWire()}
	w.udp = New(w.wire, Options{Push: engine, MaxSubscribers: 2, MaxPerSubscriber: 2})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { engine.Run(ctx) })
	wg.Go(func() {
		if err := w.udp.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	if err := reg.Connect("c", registry.ClientInfo{}); err != nil {
		t.Fatal(err)
	}
	return w
}

var (
	demo   = registry.Key("", "", "demo")
	client = netip.MustParseAddrPort("10.0.0.7:55000")
)

func (w *world) subscribe(to netip.AddrPort, name string) error {
	return w.udp.Subscribe(to, registry.Key("", "", name), registry.Query{}, registry.SubscriberInfo{Agent: "Nacos-Go-Client:v1.1.6"})
}

func (w *world) register(n int) {
	w.t.Helper()
	var list []registry.Instance
	for i := range n {
		list = append(list, registry.Instance{IP: fmt.Sprintf("10.1.0.%d", i), Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true})
	}
	if err := w.reg.Register("c", demo, list); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ack(from netip.AddrPort, body string) { w.wire.in <- packet{from, []byte(body)} }

// A push comes, once it is acknowledged; a client that is silent gets one more.
func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.register(1)
		if err := w.subscribe(client, "demo"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		first, hosts := w.wire.packets()[0].read(t)
		if len(hosts) != 1 || w.wire.packets()[0].addr != client {
			t.Fatal(hosts)
		}
		w.ack(netip.MustParseAddrPort("10.6.6.6:55000"), fmt.Sprintf(`{"type":"push-ack","lastRefTime":"%d","data":""}`, first.LastRefTime)) // somebody else's
		w.ack(client, `{"type":"push-ack","lastRefTime":"x"}`)
		w.ack(client, `nonsense`)
		time.Sleep(6 * time.Second)
		if n := len(w.wire.packets()); n != 2 {
			t.Fatalf("%d pushes to one who has not answered", n)
		}
		second, _ := w.wire.packets()[1].read(t)
		for _, form := range []string{`"%d"`, `%d`} { // text from some clients, a number from others
			w.register(20)
			time.Sleep(100 * time.Millisecond)
			n := len(w.wire.packets())
			last, hosts := w.wire.packets()[n-1].read(t)
			if len(hosts) != 20 || last.LastRefTime <= second.LastRefTime {
				t.Fatal(hosts, last.LastRefTime)
			}
			w.ack(client, fmt.Sprintf(`{"type":"push-ack","lastRefTime":`+form+`,"data":""}`, last.LastRefTime))
			_ = w.subscribe(client, "demo") // it asks again, and so stays
			time.Sleep(8 * time.Second)
			_ = w.subscribe(client, "demo")
			if len(w.wire.packets()) != n {
				t.Fatal("it was pushed again after it has answered")
			}
		}
	})
}

// One that no longer asks is forgotten, and comes back by asking.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for range 5 {
			if err := w.subscribe(client, "demo"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		if len(w.udp.Addresses()) != 1 || w.reg.Stats().Subscribers != 1 {
			t.Fatal("it asks, and is forgotten")
		}
		time.Sleep(10 * time.Second)
		if len(w.udp.Addresses()) != 0 || w.reg.Stats().Subscribers != 0 {
			t.Fatal("it does not ask, and is kept")
		}
		n := len(w.wire.packets())
		w.register(1)
		time.Sleep(time.Second)
		if len(w.wire.packets()) != n {
			t.Fatal("it is still pushed to")
		}
		if err := w.subscribe(client, "demo"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if len(w.wire.packets()) != n+1 {
			t.Fatal("it is not pushed to again")
		}
	})
}

func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for n, want := range []bool{true, true, false} {
			if err := w.subscribe(netip.AddrPortFrom(client.Addr(), uint16(1+n)), "demo"); (err == nil) != want {
				t.Errorf("subscriber %d: %v", n, err)
			}
		}
		for n, want := range []bool{true, false} {
			if err := w.subscribe(netip.AddrPortFrom(client.Addr(), 1), fmt.Sprint("more", n)); (err == nil) != want {
				t.Errorf("service %d: %v", n, err)
			}
		}
	})
}

// A list that does not fit into a datagram is left to the client's question.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		var list []registry.Instance
		for i := range 2000 {
			meta := registry.NewMetadata(map[string]string{"k": strings.Repeat(fmt.Sprint(i*7919), 20), "j": fmt.Sprintf("%x", i*i*104729)}, "")
			list = append(list, registry.Instance{IP: fmt.Sprintf("10.1.%d.%d", i/250, i%250), Port: uint16(i * 31), Weight: float64(i%100) + 0.5, Healthy: true, Enabled: true, Ephemeral: true, Meta: meta})
		}
		if err := w.reg.Register("c", demo, list); err != nil {
			t.Fatal(err)
		}
		if err := w.subscribe(client, "demo"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		for _, p := range w.wire.packets() {
			if len(p.b) > maxDatagram {
				t.Fatalf("a datagram of %d bytes", len(p.b))
			}
		}
	})
}

func FuzzAck(f *testing.F) {
	f.Add([]byte(`{"type":"push-ack","lastRefTime":"1","data":""}`))
	f.Fuzz(func(t *testing.T, b []byte) { parseAck(b) })
}
