package grpcapi

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// Options make a Server. What is left out has a default.
type Options struct {
	Registry *registry.Registry
	Push     *push.Engine
	Access   nacos.Authorizer // nil: everybody may everything
	TLS      *tls.Config      // nil: plain text
	Logger   *slog.Logger

	// MaxConnections bounds the connections of clients: 100,000. MaxPerIP
	// bounds those from one address: not at all, for many clients may be behind
	// one. A connection too many is told so, if it can be taken in at all.
	MaxConnections, MaxPerIP int
	// MaxMessage bounds a message: 10 MiB.
	MaxMessage int
	// MaxRate bounds the requests per second of one connection: 50,000.
	MaxRate int
	// MaxConcurrent bounds the requests of one connection at a time: 4096.
	MaxConcurrent uint32
	// RequestTimeout bounds what a request may wait for, where it waits for
	// other servers: 10 s.
	RequestTimeout time.Duration
	// Idle is how long a client may be silent before it is asked whether it
	// is there: 20 s. DetectTimeout is how long it may take to answer: 5 s.
	Idle, DetectTimeout time.Duration
	// BlockedTimeout is how long a client may leave its stream full: 300 s.
	BlockedTimeout time.Duration
	// Requests is told of each request: its type, the error code it was
	// answered with, and how long it took.
	Requests func(kind string, code int, took time.Duration)
}

func (o *Options) setDefaults() {
	if o.Access == nil {
		o.Access = nacos.Open{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Requests == nil {
		o.Requests = func(string, int, time.Duration) {}
	}
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{
		{&o.RequestTimeout, 10 * time.Second}, {&o.Idle, 20 * time.Second},
		{&o.DetectTimeout, 5 * time.Second}, {&o.BlockedTimeout, 300 * time.Second},
	} {
		if *d.p == 0 {
			*d.p = d.def
		}
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 100_000
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = 10 << 20
	}
	if o.MaxRate == 0 {
		o.MaxRate = 50_000
	}
	if o.MaxConcurrent == 0 {
		o.MaxConcurrent = 4096
	}
}

// Server is the door.
type Server struct {
	opts Options
	reg  *registry.Registry
	log  *slog.Logger
	grpc *grpc.Server
	ids  atomic.Uint64 // of requests to clients other than pushes

	mu       sync.Mutex
	conns    map[*conn]struct{}
	fromIP   map[string]int      // how many of them
	sockets  map[string]net.Conn // by both addresses: see track
	departed []departure         // in order
}

// minPing is the least time between two pings of a client. Clients written in
// Go ping every 60 s, with and without a request open; one that is told that
// this is too often closes its connection, and with it all it has registered.
const minPing = 8 * time.Second

// readBuffer is held for each connection. A request is less than a kilobyte,
// and of ten thousand connections few speak at a time.
const readBuffer = 8 << 10

// window is what a client may send before the server has read it. That it is
// given keeps grpc from finding out by itself what would be best, for which it
// sends a ping with every request: a third of what a request costs.
const window = 1 << 20

// New makes a server. [Server.Serve] opens it.
func New(o Options) *Server {
	o.setDefaults()
	s := &Server{opts: o, reg: o.Registry, log: o.Logger, conns: make(map[*conn]struct{}), fromIP: make(map[string]int), sockets: make(map[string]net.Conn)}
	s.ids.Store(uint64(time.Now().UnixMilli()))
	opts := []grpc.ServerOption{
		grpc.ForceServerCodecV2(codec{}),
		grpc.StatsHandler(s),
		grpc.MaxRecvMsgSize(o.MaxMessage),
		grpc.MaxSendMsgSize(math.MaxInt32),
		grpc.MaxConcurrentStreams(o.MaxConcurrent),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPing, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 60 * time.Second, Timeout: 20 * time.Second}),
		grpc.MaxHeaderListSize(16 << 10),
		grpc.ConnectionTimeout(10 * time.Second),
		grpc.ReadBufferSize(readBuffer),
		grpc.InitialWindowSize(window),
		grpc.InitialConnWindowSize(window),
	}
	if o.TLS != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(o.TLS)))
	}
	s.grpc = grpc.NewServer(opts...)
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: "Request",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "request", Handler: s.handleUnary}},
	}, s)
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: "BiRequestStream",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "requestBiStream", Handler: s.handleStream, ServerStreams: true, ClientStreams: true,
		}},
	}, s)
	return s
}

// spare is for how many connections beyond the bound there is room, so that
// they can be told why they are not taken in.
func (o *Options) spare() int { return 100 + o.MaxConnections/20 }

// Serve takes in connections until the server is closed.
func (s *Server) Serve(l net.Listener) error {
	l = nacos.Bound(l, s.opts.MaxConnections+s.opts.spare())
	return s.grpc.Serve(&tracker{Listener: l, server: s})
}

// Run looks after the connections until ctx ends.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(detectTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			s.detect(now)
		}
	}
}

// Close ends all connections. It returns when no request is open any more.
func (s *Server) Close() { s.grpc.Stop() }
