package httpapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/grpcapi"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// Subscribers push to clients of 1.x, see package udppush.
type Subscribers interface {
	// Subscribe has the client told of changes for a while. Doing so again
	// prolongs it.
	Subscribe(to netip.AddrPort, key registry.ServiceKey, q registry.Query, info registry.SubscriberInfo) error
	// Addresses returns those that are subscribed.
	Addresses() []netip.AddrPort
}

// Connections are the clients that are connected by gRPC.
type Connections interface {
	Connections() []grpcapi.Connection
	Reload(count int, redirect string) error
	ReloadOne(id registry.ClientID, redirect string) error
}

// Cluster is what the door tells of the servers, and what operators do to them.
type Cluster interface {
	// Members returns the servers, this one first.
	Members() []Member
	// Responsible returns the address of the server that an HTTP client of
	// this id belongs to.
	Responsible(id registry.ClientID) string
	// Subscribers returns who is subscribed to a service at the other servers,
	// as far as they answer soon.
	Subscribers(ctx context.Context, key registry.ServiceKey) []registry.SubscriberInfo
	// RaftCommand does what an operator asks of Raft.
	RaftCommand(ctx context.Context, command, value string) error
	// Loads returns how many connections each server holds, by address.
	Loads(ctx context.Context) map[string]int
	// Rebalance asks clients to move from servers that hold more of them than
	// others, by more than the factor.
	Rebalance(ctx context.Context, factor float64) error
}

// A Member is one server.
type Member struct {
	ID, IP    string
	Port      int
	State     string // UP, SUSPICIOUS, DOWN, STARTING
	Version   string
	RaftPort  int
	Refreshed time.Time
	Failures  int
	Raft      Raft
}

// Raft is what a server knows of it.
type Raft struct {
	Leader                     string // address
	Term, Index, Applied       uint64
	Peers                      []string
	State                      string // LEADER, FOLLOWER, CANDIDATE
	LagEntries                 uint64
	DiskErrors, HeartbeatFails uint64
}

// Options make a Server. What is left out has a default.
type Options struct {
	Registry    *registry.Registry
	Push        *push.Engine
	Access      nacos.Authorizer // nil: everybody may everything
	Users       nacos.Users      // nil: there are none
	Cluster     Cluster          // nil: this server is alone
	Connections Connections      // nil: there are none
	Subscribers Subscribers      // nil: nobody is pushed to by UDP
	Logger      *slog.Logger

	// ContextPath goes before all paths: /nacos.
	ContextPath string
	// Version is the version of Nacos that tools are told.
	Version string
	// Address is how clients reach this server, for what is shown of it.
	Address netip.AddrPort
	// Route returns what takes a request for an HTTP client that belongs to
	// another server, nil if this one does.
	Route func(id registry.ClientID) http.Handler
	// Healthy reports why this server is not ready, nil if it is.
	Healthy func() error
	// Metrics answers /actuator/prometheus, nil: nobody does.
	Metrics http.Handler
	// SetLogLevel sets how much is logged, nil: it cannot be set.
	SetLogLevel func(name, level string) error
	// PushToCaller has 1.x clients pushed to at the address they ask from, and
	// not at the one they give: nobody can then have others sent datagrams, and
	// clients behind a proxy are not pushed to.
	PushToCaller bool
	// MaxBody bounds a request's body: 4 MiB, and MaxBodies those of all requests
	// at a time: 256 MiB. MaxInFlight bounds the requests
	// at a time: 4096, and MaxWaiting those that listen until something changes:
	// 20,000. MaxConnections bounds the connections: 50,000. Timeout bounds what
	// a request may wait for: 10 s.
	MaxBody, MaxBodies                      int64
	MaxInFlight, MaxWaiting, MaxConnections int
	Timeout                                 time.Duration
	// Requests is told of each request: its route, the status it was answered
	// with, and how long it took.
	Requests func(route string, status int, took time.Duration)
}

// Server is the door. It is an http.Handler.
type Server struct {
	opts     Options
	reg      *registry.Registry
	log      *slog.Logger
	mux      *http.ServeMux
	inFlight chan struct{} // one for each request that is being answered
	waiting  chan struct{} // one for each that listens
	bodies   atomic.Int64  // bytes held for bodies

	pushMu sync.Mutex
	pushed push.Stats // when pushes were last counted anew
}

// New makes a server.
func New(o Options) *Server {
	if o.Access == nil {
		o.Access = nacos.Open{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ContextPath == "" {
		o.ContextPath = "/nacos"
	}
	if o.Version == "" {
		o.Version = "3.1.0"
	}
	if o.Route == nil {
		o.Route = func(registry.ClientID) http.Handler { return nil }
	}
	if o.Healthy == nil {
		o.Healthy = func() error { return nil }
	}
	if o.Requests == nil {
		o.Requests = func(string, int, time.Duration) {}
	}
	if o.MaxBody == 0 {
		o.MaxBody = 4 << 20
	}
	if o.MaxBodies == 0 {
		o.MaxBodies = 256 << 20
	}
	for _, d := range []struct {
		p   *int
		def int
	}{{&o.MaxInFlight, 4096}, {&o.MaxWaiting, 20_000}, {&o.MaxConnections, 50_000}} {
		if *d.p == 0 {
			*d.p = d.def
		}
	}
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	if o.Cluster == nil {
		o.Cluster = alone{o.Address, o.Version, o.Registry, o.Connections}
	}
	s := &Server{
		opts: o, reg: o.Registry, log: o.Logger, mux: http.NewServeMux(),
		inFlight: make(chan struct{}, o.MaxInFlight), waiting: make(chan struct{}, o.MaxWaiting),
	}
	s.register()
	return s
}

// Bound returns a listener for the door that holds as many connections as there
// may be.
func (s *Server) Bound(l net.Listener) net.Listener { return nacos.Bound(l, s.opts.MaxConnections) }

// HTTPServer returns a server for the door, with bounds for what a client may
// be slow or excessive with.
func (s *Server) HTTPServer() *http.Server {
	return &http.Server{
		Handler:           Tidy(s),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}
