// Package sut runs the doors of a server in this process: what the tests put
// real clients in front of. It has no other servers and no disk.
package sut

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/musterhq/muster/server/nacos/grpcapi"
	"github.com/musterhq/muster/server/nacos/httpapi"
	"github.com/musterhq/muster/server/nacos/udppush"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// A Server is one that runs.
type Server struct {
	HTTP, GRPC uint16 // ports on the loopback
	Registry   *registry.Registry
	Push       *push.Engine
	Door       *grpcapi.Server

	cancel context.CancelFunc
	http   *http.Server
	wg     sync.WaitGroup
}

// Options make a server. Ports that are zero are chosen.
type Options struct {
	HTTP, GRPC uint16
	Registry   registry.Options
	// Settle is how long the server waits for clients of an earlier life.
	Settle time.Duration
}

// Start starts a server.
func Start(o Options) (*Server, error) {
	hl, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), o.HTTP).String())
	if err != nil {
		return nil, fmt.Errorf("HTTP: %w", err)
	}
	gl, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), o.GRPC).String())
	if err != nil {
		_ = hl.Close()
		return nil, fmt.Errorf("gRPC: %w", err)
	}
	uc, err := net.ListenPacket("udp", ":0")
	if err != nil {
		_, _ = hl.Close(), gl.Close()
		return nil, fmt.Errorf("UDP: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	reg := registrytest.New(o.Registry)
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	door := grpcapi.New(grpcapi.Options{Registry: reg, Push: engine})
	udp := udppush.New(uc, udppush.Options{Push: engine})
	api := httpapi.New(httpapi.Options{
		Registry: reg, Push: engine, Connections: door, Subscribers: udp, Address: hl.Addr().(*net.TCPAddr).AddrPort(),
	})
	s := &Server{
		HTTP: port(hl), GRPC: port(gl), Registry: reg, Push: engine, Door: door, cancel: cancel, http: api.HTTPServer(),
	}
	s.run(func() { reg.Run(ctx) })
	s.run(func() { engine.Run(ctx) })
	s.run(func() { door.Run(ctx) })
	s.run(func() { _ = udp.Run(ctx) })
	s.run(func() { _ = door.Serve(gl) })
	s.run(func() { _ = s.http.Serve(hl) })
	reg.Ready(o.Settle)
	return s, nil
}

func port(l net.Listener) uint16 { return l.Addr().(*net.TCPAddr).AddrPort().Port() }

func (s *Server) run(f func()) {
	s.wg.Add(1)
	go func() {
		defer s.wg.Done()
		f()
	}()
}

// Close ends the server at once, as a crash would.
func (s *Server) Close() {
	_ = s.http.Close()
	s.Door.Close()
	s.cancel()
	s.wg.Wait()
}

// URL returns the address of a path.
func (s *Server) URL(path string) string {
	return "http://127.0.0.1:" + strconv.Itoa(int(s.HTTP)) + "/nacos" + path
}
