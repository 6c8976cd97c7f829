package grpcapi

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// A conn is one connection of a client, from the transport's beginning to its
// end. It is a client of the registry from its set-up until its stream ends.
type conn struct {
	server *Server
	id     registry.ClientID
	ip     string
	port   int
	socket string
	since  time.Time

	active   atomic.Int64 // when it was last heard of, in ns
	asked    atomic.Int64 // when it was asked whether it is there; 0: it was not, or has answered
	blocked  atomic.Int64 // since when a message to it waits to be sent; 0: none does
	ready    chan struct{}
	rate     bucket
	overflow bool        // one too many: it is refused
	moving   atomic.Bool // its client was asked to go

	mu       sync.Mutex
	set      bool // registered
	ended    bool
	own      grpc.ServerStream // by which it was set up
	receiver *push.Receiver

	info atomic.Pointer[registry.ClientInfo]

	sendMu sync.Mutex
	stream grpc.ServerStream
}

type connKey struct{}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// TagConn is called by grpc when a connection begins. All its requests have
// the context that is returned.
func (s *Server) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	host, port, err := net.SplitHostPort(info.RemoteAddr.String())
	if err != nil {
		host, port = info.RemoteAddr.String(), "0"
	}
	p, err := strconv.Atoi(port)
	if err != nil {
		p = 0
	}
	now := time.Now()
	c := &conn{
		server: s, ip: host, port: p, since: now, ready: make(chan struct{}),
		id:     registry.ClientID(fmt.Sprintf("%d_%s_%s", now.UnixMilli(), host, port)),
		socket: socketKey(info.LocalAddr, info.RemoteAddr),
	}
	c.rate.init(s.opts.MaxRate, now)
	c.active.Store(now.UnixNano())
	s.mu.Lock()
	c.overflow = len(s.conns) >= s.opts.MaxConnections || s.opts.MaxPerIP > 0 && s.fromIP[host] >= s.opts.MaxPerIP
	s.conns[c] = struct{}{}
	s.fromIP[host]++
	s.mu.Unlock()
	return context.WithValue(ctx, connKey{}, c)
}

// HandleConn is called by grpc when a connection begins and ends.
func (s *Server) HandleConn(ctx context.Context, st stats.ConnStats) {
	if _, ok := st.(*stats.ConnEnd); !ok {
		return
	}
	if c := connOf(ctx); c != nil {
		s.mu.Lock()
		delete(s.conns, c)
		if s.fromIP[c.ip]--; s.fromIP[c.ip] == 0 {
			delete(s.fromIP, c.ip)
		}
		s.mu.Unlock()
		c.end("connection ended", true)
	}
}

// TagRPC is of no use here.
func (s *Server) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC is of no use here.
func (s *Server) HandleRPC(context.Context, stats.RPCStats) {}

// setUp makes the connection a client.
func (c *conn) setUp(stream grpc.ServerStream, info registry.ClientInfo) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.ended:
		return fmt.Errorf("%w: %s", registry.ErrClientGone, c.id)
	case c.set:
		return fmt.Errorf("connection %s is set up already", c.id)
	}
	if err := c.server.reg.Connect(c.id, info); err != nil {
		return err
	}
	c.set, c.own = true, stream
	c.info.Store(&info)
	c.sendMu.Lock()
	c.stream = stream
	c.sendMu.Unlock()
	c.receiver = c.server.opts.Push.NewReceiver(&sink{c})
	select {
	case <-c.ready:
	default:
		close(c.ready)
	}
	return nil
}

// endStream ends the client if that is its stream. Another one that a client
// has opened says nothing about it.
func (c *conn) endStream(stream grpc.ServerStream) {
	c.mu.Lock()
	mine := c.own == stream
	c.mu.Unlock()
	if mine {
		c.end("stream ended", false)
	}
}

// end takes the client out, with all it has registered. transport says that
// the connection itself has ended, and not only its stream.
func (c *conn) end(why string, transport bool) {
	c.mu.Lock()
	set, receiver := c.set, c.receiver
	c.set, c.receiver = false, nil
	c.ended = c.ended || transport
	c.mu.Unlock()
	if receiver != nil {
		receiver.Close()
	}
	if !set {
		return
	}
	if c.moving.Load() {
		c.server.depart(c.id)
	} else {
		c.server.disconnect(c.id)
	}
	c.server.log.Debug("client disconnected", slog.String("client", string(c.id)), slog.String("why", why))
}

// current returns what pushes to the client, nil if it is not set up.
func (c *conn) current() *push.Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.receiver
}

// setupPatience is how long a request may overtake its connection's set-up.
const setupPatience = time.Second

// await returns the client's receiver, and gives a set-up that is on its way a
// moment to arrive: some clients give up for ever when they are told that
// their connection is unknown while it is up.
func (c *conn) await(ctx context.Context) *push.Receiver {
	if r := c.current(); r != nil {
		return r
	}
	timer := time.NewTimer(setupPatience)
	defer timer.Stop()
	select {
	case <-c.ready:
	case <-timer.C:
	case <-ctx.Done():
	}
	return c.current()
}

// heard notes that the client is there.
func (c *conn) heard() {
	c.active.Store(time.Now().UnixNano())
	c.asked.Store(0)
}

// send sends a message over the client's stream. It blocks while the client
// does not read.
func (c *conn) send(p *Payload) error {
	c.sendMu.Lock()
	defer c.sendMu.Unlock()
	if c.stream == nil {
		return fmt.Errorf("%w: %s", registry.ErrClientGone, c.id)
	}
	c.blocked.Store(time.Now().UnixNano())
	defer c.blocked.Store(0)
	if err := c.stream.SendMsg(p); err != nil {
		return fmt.Errorf("sending %s to %s: %w", p.Type, c.id, err)
	}
	return nil
}
