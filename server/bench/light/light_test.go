package light

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// raw has grpc's own server speak bytes.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.([]byte))}, nil
}

func (raw) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

// echoServer is grpc's, and answers with what it is asked, but for "fail".
func echoServer(t *testing.T) string {
	t.Helper()
	s := grpc.NewServer(grpc.ForceServerCodecV2(raw{}), grpc.MaxRecvMsgSize(8<<20))
	unary := func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var b []byte
		if err := dec(&b); err != nil {
			return nil, err
		}
		if string(b) == "fail" {
			return nil, status.Error(codes.NotFound, "there is none")
		}
		return b, nil
	}
	stream := func(_ any, s grpc.ServerStream) error {
		for {
			var b []byte
			if err := s.RecvMsg(&b); err != nil {
				return nil //nolint:nilerr // the client has gone
			}
			if err := s.SendMsg(b); err != nil {
				return err
			}
		}
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "t", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "echo", Handler: unary}},
		Streams: []grpc.StreamDesc{{StreamName: "stream", Handler: stream, ServerStreams: true, ClientStreams: true}},
	}, nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // until it is stopped
	t.Cleanup(s.Stop)
	return l.Addr().String()
}

// Calls and streams work with another's server, past the windows of both sides.
func TestGRPC(t *testing.T) {
	c, err := DialGRPC(t.Context(), echoServer(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	echo := Method("/t/echo")
	for _, n := range []int{0, 1, 300, 70_000, 5 << 20, 300} {
		want := bytes.Repeat([]byte{byte(n)}, n)
		if got, err := c.Call(echo, want); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d bytes: %d, %v", n, len(got), err)
		}
	}
	for range 3000 { // more in all than the window of the connection
		if _, err := c.Call(echo, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Call(echo, []byte("fail")); err == nil || !strings.Contains(err.Error(), "gRPC status 5: there is none") {
		t.Fatalf("a call that fails: %v", err)
	}
	if _, err := c.Call(Method("/t/none"), nil); err == nil || !strings.Contains(err.Error(), "gRPC status 12") {
		t.Fatalf("an unknown method: %v", err)
	}
	if err := c.Open(Method("/t/stream"), []byte("message 0")); err != nil {
		t.Fatal(err)
	}
	enough := errors.New("enough")
	got := 0
	c.Pushed = func(m []byte) error {
		if want := "message " + strings.Repeat("x", got); got > 0 && string(m) != want {
			t.Errorf("message %d is %q", got, m)
		}
		if got++; got == 100 {
			return enough
		}
		return c.Send([]byte("message " + strings.Repeat("x", got)))
	}
	if err := c.Serve(); !errors.Is(err, enough) || got != 100 {
		t.Fatalf("%d messages, %v", got, err)
	}
}

func TestHTTP(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("a") != "1 2" {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(r.Method + r.FormValue("a")))
	}))
	defer s.Close()
	c, err := DialHTTP(t.Context(), s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for range 3 {
		if b, err := c.Do(http.MethodPost, "/", []byte("a=1+2")); err != nil || string(b) != "POST1 2" {
			t.Fatalf("%q %v", b, err)
		}
		if b, err := c.Do(http.MethodGet, "/?a=1+2", nil); err != nil || string(b) != "GET1 2" {
			t.Fatalf("%q %v", b, err)
		}
		if _, err := c.Do(http.MethodGet, "/", nil); err == nil || !strings.Contains(err.Error(), "400") {
			t.Fatalf("a request that fails: %v", err)
		}
	}
}

func TestPayload(t *testing.T) {
	b := AppendPayload(nil, "InstanceRequest", []byte(`{"a":1}`))
	if want := "\x12\x11\x1a\x0fInstanceRequest\x1a\x09\x12\x07{\"a\":1}"; string(b) != want {
		t.Fatalf("%q, want %q", b, want)
	}
	if kind, body, err := ReadPayload(b); err != nil || kind != "InstanceRequest" || string(body) != `{"a":1}` {
		t.Fatalf("%q %q %v", kind, body, err)
	}
}

// Whatever a server sends is a message or an error.
func FuzzReadPayload(f *testing.F) {
	f.Add(AppendPayload(nil, "NotifySubscriberRequest", []byte(`{"requestId":"1"}`)))
	f.Add([]byte("\x12\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, body, err := ReadPayload(b)
		if err != nil {
			return
		}
		k, again, err := ReadPayload(AppendPayload(nil, kind, body))
		if err != nil || k != kind || !bytes.Equal(again, body) {
			t.Fatalf("%q %q: %q %q %v", kind, body, k, again, err)
		}
	})
}
