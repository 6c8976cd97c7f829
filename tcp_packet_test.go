package muster_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// pairOver are two transports over a network of links with 1 ms, and what
// arrives at b.
type pairOver struct {
	*mustertest.Network
	a, b *muster.TCPTransport

	mu  sync.Mutex
	got []uint32
	src map[netip.AddrPort]bool
}

func newPair(t *testing.T, o muster.TCPOptions) *pairOver {
	t.Helper()
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	network.SetDefault(mustertest.Link{Delay: time.Millisecond})
	o.Logger = silent()
	p := &pairOver{
		Network: network, src: make(map[netip.AddrPort]bool),
		a: muster.TCPOver(network.Transport("a"), o), b: muster.TCPOver(network.Transport("b"), o),
	}
	p.read(p.b)
	t.Cleanup(func() { p.close(t, p.a, p.b) })
	return p
}

func (p *pairOver) close(t *testing.T, transports ...*muster.TCPTransport) {
	t.Helper()
	for _, tr := range transports {
		if err := tr.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}

func (p *pairOver) read(tr *muster.TCPTransport) {
	go func() {
		for {
			err := tr.ReadPacket(func(b []byte, from netip.AddrPort) {
				p.mu.Lock()
				defer p.mu.Unlock()
				p.got = append(p.got, binary.BigEndian.Uint32(b))
				p.src[from] = true
			})
			if err != nil {
				return
			}
		}
	}()
}

func (p *pairOver) send(t *testing.T, n uint32, size int) {
	t.Helper()
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b, n)
	if err := p.a.WritePacket(b, p.Addr("b")); err != nil {
		t.Fatal(err)
	}
}

// take returns what has arrived since the last call.
func (p *pairOver) take() []uint32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

func TestTCPPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		sizes := []int{4, 5, 100, 1400, 2048, 2050, 40_000, 65_535}
		for i, size := range sizes {
			p.send(t, uint32(i), size)
		}
		time.Sleep(time.Second)
		if got := p.take(); len(got) != len(sizes) {
			t.Errorf("%v arrived of %d", got, len(sizes))
		}
		if len(p.src) != 1 || !p.src[p.Addr("a")] {
			t.Errorf("packets came from %v, want where the sender listens: %v", p.src, p.Addr("a"))
		}
		for _, size := range []int{0, 65_536} {
			if err := p.a.WritePacket(make([]byte, size), p.Addr("b")); !errors.Is(err, muster.ErrTooLarge) {
				t.Errorf("a packet of %d bytes: %v", size, err)
			}
		}
		if s := p.a.Stats(); s.StreamsOpened != 1 || s.StreamsOut != 1 || s.PacketsDropped != 0 {
			t.Errorf("%+v", s)
		}
		time.Sleep(95 * time.Second) // the other side would wait for two minutes
		if a, b := p.a.Stats(), p.b.Stats(); a.StreamsOut != 0 || b.StreamsIn != 0 {
			t.Errorf("idle streams are kept: %+v, %+v", a, b)
		}
	})
}

// Streams that the node opens share the port with those of packets.
func TestTCPStreamsShareThePort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		p.send(t, 1, 100)
		client, err := p.a.Dial(t.Context(), p.Addr("b"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		server, err := p.b.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(server); string(got) != "hello" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if got := p.take(); len(got) != 1 {
			t.Errorf("packets %v", got)
		}
	})
}

// After a cut of any length packets pass within seconds, though TCP itself may
// take minutes to try again; and not those from before, which are old by then.
func TestTCPRecoversFromCut(t *testing.T) {
	for _, cut := range []time.Duration{time.Second, 10 * time.Second, 10 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, muster.TCPOptions{})
			p.send(t, 0, 100)
			time.Sleep(time.Second)
			p.Isolate("b")
			n := uint32(1)
			for begin := time.Now(); time.Since(begin) < cut; n++ {
				p.send(t, n, 100)
				time.Sleep(100 * time.Millisecond)
			}
			p.take()
			p.Heal()
			healed := n
			var got []uint32
			for ; len(got) == 0; got = p.take() {
				p.send(t, n, 100)
				n++
				time.Sleep(100 * time.Millisecond)
			}
			if first := int(got[0]); cut > 5*time.Second && first < int(healed)-40 {
				t.Errorf("after a cut of %v a packet arrived from %v before it ended", cut, time.Duration(int(healed)-first)*100*time.Millisecond)
			}
			if took := time.Duration(n-healed) * 100 * time.Millisecond; took > 5*time.Second {
				t.Errorf("after a cut of %v nothing passed for %v", cut, took)
			}
		})
	}
}

// A stream in use is opened anew now and then, and nothing gets lost over it.
func TestTCPRenewsStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		const seconds = 45 * 60
		for i := range uint32(seconds) {
			p.send(t, i, 100)
			time.Sleep(time.Second)
		}
		if got := p.take(); len(got) != seconds {
			t.Errorf("%d of %d packets arrived", len(got), seconds)
		}
		if s := p.a.Stats(); s.StreamsOpened != 3 {
			t.Errorf("%+v, want a stream for each 20 minutes", s)
		}
	})
}

// A peer that restarts at its address gets packets at once: the end of the
// stream was noticed, and no back-off is kept for one that calls itself.
func TestTCPPeerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		p.send(t, 1, 100)
		time.Sleep(time.Second)
		p.close(t, p.b)
		for range 100 { // nobody is there
			p.send(t, 2, 100)
			time.Sleep(100 * time.Millisecond)
		}
		if s := p.a.Stats(); s.StreamsOut != 0 || s.OpenFailed == 0 || s.OpenFailed > 20 || s.PacketsDropped < 90 {
			t.Errorf("%+v", s)
		}
		for failed := p.a.Stats().OpenFailed; p.a.Stats().OpenFailed == failed; { // so that the back-off has just begun
			p.send(t, 2, 100)
			time.Sleep(10 * time.Millisecond)
		}
		p.take()
		p.b = muster.TCPOver(p.Transport("b"), muster.TCPOptions{Logger: silent()})
		p.read(p.b)
		if err := p.b.WritePacket([]byte("here I am"), p.Addr("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		p.send(t, 3, 100)
		time.Sleep(100 * time.Millisecond)
		if got := p.take(); len(got) != 1 || got[0] != 3 {
			t.Errorf("arrived after the restart: %v", got)
		}
	})
}

// A peer that does not read costs a bounded queue, of which the newest survive,
// and does not hold up packets to others.
func TestTCPPeerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		deaf := p.Transport("deaf") // accepts by its backlog, never reads
		defer func() {
			if err := deaf.Close(); err != nil {
				t.Error(err)
			}
		}()
		for i := range uint32(1000) { // 10 MB at once
			b := make([]byte, 10_000)
			binary.BigEndian.PutUint32(b, i)
			if err := p.a.WritePacket(b, deaf.Addr()); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		p.send(t, 7, 100)
		time.Sleep(10 * time.Millisecond)
		if got := p.take(); len(got) != 1 {
			t.Errorf("the other peer got %v", got)
		}
		if s := p.a.Stats(); s.PacketsDropped < 900 || s.PacketsDropped > 980 {
			t.Errorf("%d of 1000 dropped", s.PacketsDropped)
		}
		time.Sleep(10 * time.Second)
		if err := p.a.WritePacket([]byte("again"), deaf.Addr()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if s := p.a.Stats(); s.OpenFailed == 0 {
			t.Errorf("a peer that never echoes counts as reached: %+v", s)
		}
	})
}

// Peers beyond the bound take turns; none is kept out.
func TestTCPBoundOfPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{MaxPeers: 4})
		var senders []*muster.TCPTransport
		for i := range 10 {
			senders = append(senders, muster.TCPOver(p.Transport(fmt.Sprint("s", i)), muster.TCPOptions{Logger: silent()}))
		}
		defer p.close(t, senders...)
		for round := range uint32(3) {
			for i, s := range senders {
				b := binary.BigEndian.AppendUint32(nil, 10*round+uint32(i))
				if err := s.WritePacket(b, p.Addr("b")); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
				if n := p.b.Stats().StreamsIn; n > 4 {
					t.Fatalf("%d streams come in", n)
				}
				if err := p.a.WritePacket(b, s.Addr()); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Millisecond)
				if n := p.a.Stats().StreamsOut; n > 4 {
					t.Fatalf("%d streams go out", n)
				}
			}
		}
		if got := p.take(); len(got) != 30 {
			t.Errorf("%d of 30 arrived: %v", len(got), got)
		}
	})
}

// Who connects and says nothing is sent away, and keeps nobody else out.
func TestTCPSilentStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, muster.TCPOptions{})
		stranger := p.Transport("stranger")
		var conns []net.Conn
		for range 1000 {
			c, err := stranger.Dial(t.Context(), p.Addr("b"))
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, c)
		}
		p.send(t, 1, 100)
		time.Sleep(10 * time.Millisecond)
		if got := p.take(); len(got) != 1 {
			t.Errorf("got %v beside the strangers", got)
		}
		time.Sleep(time.Minute)
		for i, c := range conns {
			if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatalf("stranger %d is still connected: %v", i, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := stranger.Close(); err != nil {
			t.Error(err)
		}
	})
}
