package health

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// targetAt is what checks a listener.
func targetAt(t *testing.T, addr net.Addr, c registry.Checker) Target {
	t.Helper()
	ap, err := netip.ParseAddrPort(addr.String())
	must(t, err)
	return Target{Host: ap.Addr().String(), Port: ap.Port(), Checker: &c}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestTCP(t *testing.T) {
	l := listen(t)
	p := NewProbes(DefaultDeny())
	target := targetAt(t, l.Addr(), registry.Checker{Type: registry.CheckTCP})
	must(t, p.Probe(t.Context(), target))
	c, err := l.Accept()
	must(t, err)
	if _, err := io.ReadAll(c); err == nil {
		t.Error("closed in order: thousands of those wait for their end")
	}
	must(t, c.Close())
	byName := target
	byName.Host = "localhost"
	must(t, p.Probe(t.Context(), byName))
	must(t, l.Close())
	if err := p.Probe(t.Context(), target); err == nil {
		t.Error("nobody listens")
	}
}

func TestAddressesThatAreNotChecked(t *testing.T) {
	for _, kind := range []string{registry.CheckTCP, registry.CheckHTTP, registry.CheckMySQL} {
		for _, host := range []string{
			"169.254.169.254", "::ffff:169.254.169.254", "0.0.0.0", "::", "fd00:ec2::254", "100.100.100.200", "fe80::1", "224.0.0.1", "255.255.255.255",
		} {
			err := NewProbes(DefaultDeny()).Probe(t.Context(), Target{Host: host, Port: 80, Checker: &registry.Checker{Type: kind}})
			if !errors.Is(err, ErrDenied) {
				t.Errorf("%s of %s: %v", kind, host, err)
			}
		}
	}
	// A name does not help, whatever it resolves to.
	l := listen(t)
	target := targetAt(t, l.Addr(), registry.Checker{Type: registry.CheckTCP})
	target.Host = "localhost"
	deny := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	if err := NewProbes(deny).Probe(t.Context(), target); !errors.Is(err, ErrDenied) {
		t.Error(err)
	}
}

func TestHostsThatAreNone(t *testing.T) {
	p := NewProbes(DefaultDeny())
	for _, host := range []string{"", "a b", "a/b", "a?b", "user@host", "host:1", "[::1]", "a\nb", "-a", "a_", "%41"} {
		for _, kind := range []string{registry.CheckTCP, registry.CheckHTTP, registry.CheckMySQL} {
			if err := p.Probe(t.Context(), Target{Host: host, Port: 80, Checker: &registry.Checker{Type: kind}}); err == nil || !strings.Contains(err.Error(), "neither") {
				t.Errorf("%s of %q: %v", kind, host, err)
			}
		}
	}
	if err := p.Probe(t.Context(), Target{Host: "127.0.0.1", Port: 80, Checker: &registry.Checker{Type: "PING"}}); err == nil {
		t.Error("an unknown check succeeds")
	}
}

func TestHTTP(t *testing.T) {
	var got atomic.Pointer[http.Request] // the last request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r)
		w.WriteHeader(http.StatusNoContent)
	}))
	defer s.Close()
	addr := s.Listener.Addr()
	p := NewProbes(DefaultDeny())
	for _, tt := range []struct {
		c    registry.Checker
		ok   bool
		uri  string
		host string
	}{
		{registry.Checker{ExpectedCode: 204}, true, "/", addr.String()},
		{registry.Checker{}, false, "/", addr.String()}, // 200 is expected
		{registry.Checker{ExpectedCode: 204, Path: "/up?deep=1"}, true, "/up?deep=1", addr.String()},
		{registry.Checker{ExpectedCode: 204, Path: "up"}, true, "/up", addr.String()},
		{registry.Checker{ExpectedCode: 204, Path: "/a%2Fb"}, true, "/a%2Fb", addr.String()},
		{registry.Checker{ExpectedCode: 204, Path: "/a b"}, true, "/a%20b", addr.String()},
		{registry.Checker{ExpectedCode: 204, Headers: "X-A: 1|Host: example.com|X-B:2:3|bad|"}, true, "/", "example.com"},
		// A path is no way to another host.
		{registry.Checker{ExpectedCode: 204, Path: "//example.com/x"}, true, "//example.com/x", addr.String()},
		{registry.Checker{ExpectedCode: 204, Path: "http://example.com/x"}, true, "/http://example.com/x", addr.String()},
		{registry.Checker{ExpectedCode: 204, Path: "@example.com/"}, true, "/@example.com/", addr.String()},
	} {
		got.Store(nil)
		tt.c.Type = registry.CheckHTTP
		err := p.Probe(t.Context(), targetAt(t, addr, tt.c))
		if (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt.c, err)
		}
		got := got.Load()
		if got == nil {
			t.Errorf("%+v: nobody was asked", tt.c)
			continue
		}
		if got.RequestURI != tt.uri || got.Host != tt.host || got.Method != "GET" {
			t.Errorf("%+v: %s %s of %s", tt.c, got.Method, got.RequestURI, got.Host)
		}
		if tt.c.Headers != "" && (got.Header.Get("X-A") != "1" || got.Header.Get("X-B") != "2:3") {
			t.Errorf("headers %v", got.Header)
		}
	}
	for name, c := range map[string]registry.Checker{
		"a line in a header": {ExpectedCode: 204, Headers: "X-A: 1\r\nX-Evil: 1"},
		"a name of two":      {ExpectedCode: 204, Headers: "X A: 1"},
		"a line in the path": {ExpectedCode: 204, Path: "/x\r\nX-Evil: 1"},
		"a bad escape":       {ExpectedCode: 204, Path: "/%zz"},
	} {
		got.Store(nil)
		c.Type = registry.CheckHTTP
		if err := p.Probe(t.Context(), targetAt(t, addr, c)); err == nil || got.Load() != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	var inner atomic.Int32
	secret := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inner.Add(1) }))
	defer secret.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(secret.URL, code))
		p := NewProbes(DefaultDeny())
		check := func(want int) error {
			return p.Probe(t.Context(), targetAt(t, s.Listener.Addr(), registry.Checker{Type: registry.CheckHTTP, ExpectedCode: want}))
		}
		if err := check(200); err == nil {
			t.Errorf("%d counts as what it points to", code)
		}
		must(t, check(code))
		s.Close()
	}
	if n := inner.Load(); n != 0 {
		t.Errorf("followed %d times", n)
	}
}

func TestNoProxyIsUsed(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	must(t, NewProbes(nil).Probe(t.Context(), targetAt(t, s.Listener.Addr(), registry.Checker{Type: registry.CheckHTTP, ExpectedCode: 404})))
}

// serve answers each connection with what f does to it.
func serve(t *testing.T, f func(net.Conn)) net.Addr {
	t.Helper()
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer func() { _ = c.Close() }(); f(c) }()
		}
	}()
	return l.Addr()
}

func TestAnswersAreReadInBounds(t *testing.T) {
	sent := make(chan int, 1)
	flood := func(first string) net.Addr {
		return serve(t, func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				t.Error(err)
			}
			n, _ := io.WriteString(c, first)
			block := []byte("X-" + strings.Repeat("a", 1020) + ": b\r\n")
			for i := 0; i < 100<<10; i++ { // 100 MB
				m, err := c.Write(block)
				n += m
				if err != nil {
					break
				}
			}
			sent <- n
		})
	}
	p := NewProbes(DefaultDeny())
	if err := p.Probe(t.Context(), targetAt(t, flood("HTTP/1.1 200 OK\r\n"), registry.Checker{Type: registry.CheckHTTP})); err == nil {
		t.Error("a header without an end")
	}
	if n := <-sent; n > 16<<20 { // what fits into the sockets' buffers
		t.Errorf("took %d bytes of a header", n)
	}
	must(t, p.Probe(t.Context(), targetAt(t, flood("HTTP/1.1 200 OK\r\n\r\n"), registry.Checker{Type: registry.CheckHTTP})))
	if n := <-sent; n > 16<<20 {
		t.Errorf("took %d bytes of a body", n)
	}
}

func TestOnlyTheLastAnswerCounts(t *testing.T) {
	for answer, ok := range map[string]bool{
		"HTTP/1.1 200 OK\r\n\r\n": true,
		"HTTP/1.0 200 OK\n\n":     true,
		"HTTP/1.1 200\r\n\r\n":    true,
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n": true,
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 500 No\r\n\r\n": false,
		strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 100):      false,
		"HTTP/1.1 200 OK\r\n":      false, // and hangs up
		"SSH-2.0-OpenSSH_9.2\r\n":  false,
		"":                         false,
		"HTTP/1.1 -200 OK\r\n\r\n": false,
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n": false,
	} {
		addr := serve(t, func(c net.Conn) {
			if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
				t.Error(err)
			}
			_, _ = io.WriteString(c, answer)
		})
		if err := NewProbes(nil).Probe(t.Context(), targetAt(t, addr, registry.Checker{Type: registry.CheckHTTP})); (err == nil) != ok {
			t.Errorf("%.60q: %v", answer, err)
		}
	}
}

func TestWhoSaysNothingIsGivenUp(t *testing.T) {
	silent := serve(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	for _, kind := range []string{registry.CheckHTTP, registry.CheckMySQL} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		begin := time.Now()
		err := NewProbes(DefaultDeny()).Probe(ctx, targetAt(t, silent, registry.Checker{Type: kind}))
		if err == nil || time.Since(begin) > 2*time.Second {
			t.Errorf("%s: %v after %v", kind, err, time.Since(begin))
		}
		cancel()
	}
}

func TestChecksOverRealSocketsChangeHealth(t *testing.T) {
	reg := registry.New(registry.Options{Self: "a"})
	reg.Use(nil, &plane{reg: reg})
	must(t, reg.SetSwitch(t.Context(), "tcpHealthParams", `{"max":20,"min":10,"factor":0.5}`, true))
	m := New(Options{Registry: reg})
	reg.Observe(m)
	reg.Ready(0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	defer func() { cancel(); <-done }()

	l := listen(t)
	ap := netip.MustParseAddrPort(l.Addr().String())
	must(t, reg.RegisterPersistent(ctx, svc, registry.Instance{IP: "127.0.0.1", Port: ap.Port(), Weight: 1, Enabled: true}))
	wait := func(healthy bool) {
		t.Helper()
		deadline := time.Now().Add(30 * time.Second)
		for reg.View(svc).Hosts[0].Healthy != healthy {
			if time.Now().After(deadline) {
				t.Fatalf("not healthy=%v in 30 s: %+v", healthy, m.Stats())
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	wait(true)
	must(t, l.Close())
	wait(false)
	if s := m.Stats(); s.Changes != 2 || s.TCP.Failed < 3 {
		t.Errorf("%+v", s)
	}
}
