package mustertest_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// bench is a network of two transports, of which b accepts what a dials.
type bench struct {
	*mustertest.Network
	t    *testing.T
	a, b muster.Transport
}

// inBubble runs f with links of 10 ms.
func inBubble(t *testing.T, f func(t *testing.T, n bench)) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Delay: 10 * time.Millisecond})
		n := bench{network, t, network.Transport("a"), network.Transport("b")}
		f(t, n)
		for _, tr := range []muster.Transport{n.a, n.b} {
			if err := tr.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		}
	})
}

// open returns both ends of a stream.
func (n bench) open() (client, server net.Conn) {
	n.t.Helper()
	client, err := n.a.Dial(n.t.Context(), n.b.Addr())
	if err != nil {
		n.t.Fatal(err)
	}
	if server, err = n.b.Accept(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		for _, c := range []net.Conn{client, server} {
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				n.t.Error(err)
			}
		}
	})
	return client, server
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if n, err := c.Write(b); n != len(b) || err != nil {
		t.Fatalf("wrote %d of %d bytes: %v", n, len(b), err)
	}
}

func read(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("read: %v", err)
	}
	return b
}

// timeOut checks for the error of a deadline.
func timeOut(t *testing.T, what string, err error) {
	t.Helper()
	var ne net.Error
	if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
		t.Errorf("%s: %v, want a time-out", what, err)
	}
}

func TestStreamTakesItsTime(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		begin := time.Now()
		client, server := n.open()
		if took := time.Since(begin); took != 20*time.Millisecond {
			t.Errorf("dialling took %v, want there and back", took)
		}
		write(t, client, []byte("ping"))
		if got := read(t, server, 4); string(got) != "ping" {
			t.Errorf("got %q", got)
		}
		write(t, server, []byte("pong"))
		if got := read(t, client, 4); string(got) != "pong" || time.Since(begin) != 40*time.Millisecond {
			t.Errorf("got %q after %v", got, time.Since(begin))
		}
		if c := n.Counters("a", "b"); c.Streams != 1 || c.StreamBytes != 4 {
			t.Errorf("%+v", c)
		}
		if got := server.RemoteAddr().(*net.TCPAddr).AddrPort(); got.Addr() != n.Addr("a").Addr() || got.Port() == n.Addr("a").Port() {
			t.Errorf("accepted from %v", got)
		}
		if client.RemoteAddr().String() != n.Addr("b").String() || client.LocalAddr().String() != server.RemoteAddr().String() {
			t.Errorf("from %v to %v", client.LocalAddr(), client.RemoteAddr())
		}
	})
}

// Megabytes in both directions, over links that lose and reorder, arrive whole.
func TestStreamIsReliable(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		n.SetDefault(mustertest.Link{Loss: 0.05, Jitter: 50 * time.Millisecond, Duplicate: 0.5, Reorder: 0.5, Bandwidth: 10 << 20})
		client, server := n.open()
		r := rand.New(rand.NewPCG(1, 1))
		up, down := make([]byte, 5<<20), make([]byte, 3<<20+1)
		for _, b := range [][]byte{up, down} {
			for i := range b {
				b[i] = byte(r.Uint32())
			}
		}
		sent := make(chan error, 2)
		transmit := func(c net.Conn, b []byte) {
			_, err := c.Write(b)
			sent <- err
		}
		go transmit(client, up)
		go transmit(server, down)
		if !bytes.Equal(read(t, server, len(up)), up) || !bytes.Equal(read(t, client, len(down)), down) {
			t.Error("the bytes changed on their way")
		}
		for range 2 {
			if err := <-sent; err != nil {
				t.Error(err)
			}
		}
	})
}

// What is lost is sent again later, and holds up all that was written after it.
func TestLossDelaysStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		n.SetDefault(mustertest.Link{Delay: 10 * time.Millisecond, Loss: 0.1})
		begin := time.Now()
		go func() {
			for i := range 100 {
				write(t, client, []byte{byte(i)})
				time.Sleep(time.Millisecond)
			}
		}()
		late := 0
		for i := range 50 { // of the last ones anything may be late
			read(t, server, 1)
			if time.Since(begin)-time.Duration(i)*time.Millisecond > 100*time.Millisecond {
				late++
			}
		}
		if late < 10 {
			t.Errorf("%d of 50 bytes came late", late)
		}
		read(t, server, 50)
	})
}

// Who does not read holds up who writes; the deadline ends it.
func TestStreamBackPressureAndDeadlines(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		begin := time.Now()
		set(t, client.SetWriteDeadline, time.Second)
		wrote, err := client.Write(make([]byte, 1<<20))
		timeOut(t, "write", err)
		if wrote == 0 || wrote == 1<<20 || time.Since(begin) != time.Second {
			t.Errorf("wrote %d bytes in %v", wrote, time.Since(begin))
		}
		read(t, server, wrote)
		_, err = client.Write([]byte("x"))
		timeOut(t, "write after the deadline", err)
		set(t, client.SetDeadline, time.Second)
		write(t, client, []byte("x"))
		_, err = client.Read(make([]byte, 1))
		timeOut(t, "read", err)
		if err := client.SetDeadline(time.Time{}); err != nil {
			t.Error(err)
		}
		write(t, server, []byte("y"))
		read(t, client, 1)
		// A deadline set meanwhile wakes who reads already.
		go func() {
			time.Sleep(time.Second)
			set(t, client.SetReadDeadline, 0)
		}()
		_, err = client.Read(make([]byte, 1))
		timeOut(t, "read", err)
	})
}

func set(t *testing.T, f func(time.Time) error, d time.Duration) {
	t.Helper()
	if err := f(time.Now().Add(d)); err != nil {
		t.Error(err)
	}
}

func TestStreamCloses(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		write(t, client, []byte("last words"))
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(server); string(got) != "last words" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		write(t, server, []byte("nobody reads this")) // which the other side has yet to say
		time.Sleep(time.Second)
		if _, err := server.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("write to a closed end: %v", err)
		}
		for what, err := range map[string]error{
			"close": client.Close(), "deadline": client.SetDeadline(time.Now()), "write": second(client.Write([]byte("x"))), "read": second(client.Read(make([]byte, 1))),
		} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after close: %v", what, err)
			}
		}
	})
}

func second(_ int, err error) error { return err }

// Closing wakes who reads from the same end.
func TestStreamCloseWakesReader(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, _ := n.open()
		failed := make(chan error)
		go func() { failed <- second(client.Read(make([]byte, 1))) }()
		synctest.Wait()
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		if err := <-failed; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// A cut stalls a stream, in the direction that is cut; what was written before
// and meanwhile arrives after, in order.
func TestCutStallsStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		write(t, client, []byte("1"))
		n.Block("a", "b")
		for _, s := range []string{"2", "3", "4"} {
			write(t, client, []byte(s))
			time.Sleep(time.Millisecond)
		}
		write(t, server, []byte("other way"))
		read(t, client, 9)
		set(t, server.SetReadDeadline, time.Minute)
		_, err := server.Read(make([]byte, 1))
		timeOut(t, "read through a cut", err)
		n.Unblock("a", "b")
		write(t, client, []byte("5"))
		if err := client.Close(); err != nil {
			t.Error(err)
		}
		set(t, server.SetReadDeadline, time.Minute)
		if got, err := io.ReadAll(server); string(got) != "12345" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

// A stream that is closed hard takes back what is under way; the other end
// hears of it when the link lets it.
func TestHardClose(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		n.Block("a", "b")
		write(t, client, []byte("never mind"))
		if err := client.(interface{ SetLinger(int) error }).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		set(t, server.SetReadDeadline, time.Minute)
		_, err := server.Read(make([]byte, 1))
		timeOut(t, "read through a cut", err)
		n.Heal()
		set(t, server.SetReadDeadline, time.Minute)
		if got, err := io.ReadAll(server); len(got) > 0 || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestBreakStreams(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		n.BreakStreams("b", "a")
		for _, err := range []error{second(client.Read(make([]byte, 1))), second(server.Write([]byte("x")))} {
			if !errors.Is(err, syscall.ECONNRESET) {
				t.Error(err)
			}
		}
		n.open()
	})
}
