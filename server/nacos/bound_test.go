package nacos

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// Connections beyond the bound are closed at once, and one that ends makes
// room for the next.
func TestBound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bounded := Bound(l, 2)
	held := make(chan net.Conn, 10)
	go func() {
		defer close(held)
		for {
			c, err := bounded.Accept()
			if err != nil {
				return // the test is over
			}
			held <- c
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		for c := range held {
			_ = c.Close()
		}
	})
	dial := func() net.Conn {
		t.Helper()
		c, err := net.DialTimeout("tcp", l.Addr().String(), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	closed := func(c net.Conn, within time.Duration) bool {
		t.Helper()
		if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		_, err := c.Read(make([]byte, 1))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return false
		}
		return err != nil
	}
	dial()
	dial()
	first := <-held
	<-held
	if third := dial(); !closed(third, 5*time.Second) {
		t.Fatal("a third connection is held")
	}
	_ = first.Close()
	_ = first.Close() // twice, as servers do: it had one place
	fourth := dial()
	c := <-held
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := fourth.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the connection in the place that was free: %v", err)
	}
	if fifth := dial(); !closed(fifth, 5*time.Second) {
		t.Fatal("closing a connection twice has made two places")
	}
}
