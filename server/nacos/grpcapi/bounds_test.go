package grpcapi

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// One address holds no more connections than it may, and may have another one
// when one of them has ended.
func TestConnectionsFromOneAddress(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.MaxPerIP = 2 })
	first := d.dial().setUp(plainSetup)
	first.want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	d.dial().want(0, "ServerCheckResponse", "ServerCheckRequest", `{}`)
	third := d.dial()
	if m := third.want(503, "ErrorResponse", "ServerCheckRequest", `{}`); m["message"] != "too many connections" {
		t.Fatal(m)
	}
	// It is not a client either, whatever it tries.
	third.setUp(plainSetup)
	third.want(503, "ErrorResponse", "InstanceRequest", `{`+names+`,"type":"registerInstance","instance":`+instance+`}`)
	if n := len(d.server.Connections()); n != 1 {
		t.Fatalf("%d connections are set up", n)
	}
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the first connection", func() bool {
		d.server.mu.Lock()
		defer d.server.mu.Unlock()
		return d.server.fromIP["127.0.0.1"] == 2
	})
	if err := third.conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "room for one more", func() bool {
		d.server.mu.Lock()
		defer d.server.mu.Unlock()
		return d.server.fromIP["127.0.0.1"] == 1
	})
	d.dial().setUp(plainSetup).want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
}

// Beyond what can be told that there is no room, connections are not taken in
// at all: they cost nothing.
func TestConnectionsBeyondAll(t *testing.T) {
	d := newDoor(t, func(o *Options) { o.MaxConnections = 1 })
	most := 1 + d.server.opts.spare()
	closed := make(chan struct{}, most+50)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range most + 50 {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		go func() { // it says nothing, and is told nothing but the server's settings
			if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
				closed <- struct{}{}
			}
		}()
	}
	eventually(t, "the end of those that are too many", func() bool { return len(closed) >= 50 })
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	if len(d.server.sockets) > most {
		t.Fatalf("%d connections are held, of %d", len(d.server.sockets), most)
	}
}
