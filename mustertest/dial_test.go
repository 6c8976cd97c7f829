package mustertest_test

import (
	"context"
	"errors"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

func TestDial(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		to := n.b.Addr()
		n.SetLink("a", "b", mustertest.Link{Refuse: true})
		if _, err := n.a.Dial(t.Context(), to); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("a link that refuses: %v", err)
		}
		n.ResetLink("a", "b")
		if _, err := n.a.Dial(t.Context(), n.Addr("nobody's")); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("where nothing listens: %v", err)
		}

		n.Block("b", "a") // the answer does not come back
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := n.a.Dial(ctx, to); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 5*time.Second {
			t.Errorf("through a cut: %v after %v", err, time.Since(begin))
		}
		if _, err := n.a.Dial(t.Context(), to); err == nil || time.Since(begin) > 5*time.Minute {
			t.Errorf("through a cut, without a limit: %v after %v", err, time.Since(begin))
		}
		go func() {
			time.Sleep(time.Minute)
			n.Heal()
		}()
		begin = time.Now()
		c, err := n.a.Dial(t.Context(), to)
		if err != nil || time.Since(begin) < time.Minute {
			t.Fatalf("through a cut that heals: %v after %v", err, time.Since(begin))
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		// The two that were given up come to nothing on the other side.
		for range 2 {
			s, err := n.b.Accept()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("read from one that was given up: %v", err)
			}
		}
	})
}

// Closing a transport ends Accept and ReadPacket, resets what nobody accepted, and
// leaves open streams open.
func TestTransportCloses(t *testing.T) {
	inBubble(t, func(t *testing.T, n bench) {
		client, server := n.open()
		waiting, err := n.a.Dial(t.Context(), n.b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		accepted := make(chan error)
		go func() {
			_, err := n.a.Accept()
			accepted <- err
		}()
		synctest.Wait()
		for _, tr := range []muster.Transport{n.a, n.b} {
			if err := tr.Close(); err != nil {
				t.Error(err)
			}
		}
		_, dialErr := n.a.Dial(t.Context(), n.b.Addr())
		for _, err := range []error{<-accepted, n.a.Close(), n.a.ReadPacket(nil), dialErr} {
			if !errors.Is(err, net.ErrClosed) {
				t.Errorf("after close: %v", err)
			}
		}
		if _, err := waiting.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a stream that was never accepted: %v", err)
		}
		write(t, client, []byte("still open"))
		read(t, server, 10)
	})
}
