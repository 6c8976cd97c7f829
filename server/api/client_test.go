package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// serve answers every request with h and returns a client of it.
func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	c, err := NewClient(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNewClientWantsHostAndPort(t *testing.T) {
	for _, addr := range []string{"", "host", "127.0.0.1", "::1"} {
		if _, err := NewClient(addr); err == nil {
			t.Errorf("NewClient(%q) succeeded", addr)
		}
	}
	c, err := NewClient(":7373")
	if err != nil || c.base != "http://127.0.0.1:7373" {
		t.Errorf(`NewClient(":7373"): base %q, error %v; want this machine's`, c.base, err)
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := NewClient(addr)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Members(context.Background())
	if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v; want ErrUnreachable, naming %s", err, addr)
	}
}

func TestAnErrorIsPassedOn(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":"no member named \"x\"","hint":"look"}`))
	})
	var e *Error
	if err := c.Send(context.Background(), "x", nil, true); !errors.As(err, &e) {
		t.Fatalf("error %v; want an *Error", err)
	}
	if e.Status != 404 || e.Message != `no member named "x"` || e.Hint != "look" {
		t.Errorf("got %+v", e)
	}
}

func TestSomebodyElseAnswers(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "<html>go away</html>", http.StatusTeapot)
	})
	var e *Error
	if _, err := c.Stats(context.Background()); !errors.As(err, &e) || e.Hint == "" {
		t.Fatalf("error %v; want an *Error with a hint", err)
	}
	c = serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	if _, err := c.Members(context.Background()); err == nil {
		t.Error("an answer that is not JSON was accepted")
	}
}

func TestStreamEndsCleanlyOrNot(t *testing.T) {
	event := `{"kind":"joined","member":{"name":"a"}}` + "\n"
	for _, tt := range []struct {
		name string
		tail string // what follows one whole event
		die  bool
		want error
	}{
		{name: "closed", want: nil},
		{name: "died", die: true, want: ErrBroken},
		{name: "died within a line", tail: `{"kind":`, die: true, want: ErrBroken},
		{name: "closed within a line", tail: `{"kind":`, want: ErrBroken},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write([]byte(event + tt.tail))
				if tt.die {
					if err := http.NewResponseController(w).Flush(); err != nil {
						t.Error(err)
					}
					panic(http.ErrAbortHandler)
				}
			})
			var names []string
			err := c.Events(context.Background(), func(e Event) error {
				names = append(names, e.Member.Name)
				return nil
			})
			if !errors.Is(err, tt.want) || (tt.want == nil) != (err == nil) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if len(names) != 1 || names[0] != "a" {
				t.Errorf("read %q before the end, want one event of a", names)
			}
		})
	}
}

func TestReaderMayStop(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("{}\n"))
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		<-r.Context().Done()
	})
	enough := errors.New("enough")
	if err := c.Events(context.Background(), func(Event) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v; want the reader's own", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := c.Events(ctx, func(Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v; want context.Canceled", err)
	}
}
