package app

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/wire"
)

// The ports, where nobody says otherwise. Clients compute that of gRPC, and
// tools that of Raft, from that of HTTP.
const (
	DefaultHTTPPort   = 8848
	DefaultGossipPort = 7946
	grpcOffset        = 1000
	raftOffset        = -1000
)

// AnyPort makes the system choose a port, where 0 means the usual one.
const AnyPort = -1

// Options say what a server is. What is left out has a default.
type Options struct {
	// DataDir is the directory that the server is. It is made if it is not
	// there. One process at a time.
	DataDir string

	// Bind is the host, an IP address of this machine, at which all ports are
	// opened; default all there are. Advertise is what others are told instead.
	Bind, Advertise string
	// The ports, or AnyPort. Those of gRPC and Raft follow the one of HTTP by
	// the distance that clients expect: 1000 above and 1000 below.
	HTTPPort, GRPCPort, GossipPort, RaftPort int

	// Join are other servers, HOST or HOST:PORT of their gossip. Any one that
	// is there will do, and none is needed to start again.
	Join []string
	// BootstrapExpect is how many servers found a cluster together. 1 founds
	// one alone, which is the default for a server that joins nobody; one that
	// does waits to be taken in. It counts until the server has a cluster.
	BootstrapExpect int
	// Label keeps apart clusters that could reach each other. Keyring encrypts
	// what servers say to each other, by gossip and on Raft's port, and lets in
	// who has its keys; nil does not. What it holds at the start counts for Raft.
	Label   string
	Keyring *wire.Keyring

	// DeadAfter is how long a server is away before it is no more a part of the
	// cluster: 10 min. Below zero it always is.
	DeadAfter time.Duration
	// Grace is how long the clients of a server that is gone stay listed while
	// they connect to another one, from when its death is noticed: 8 s. Of one
	// that left or was started again it is as much longer as noticing takes.
	Grace time.Duration
	// Settle is how long, after all servers were gone, nothing is pushed while
	// clients come back: 10 s.
	Settle time.Duration
	// LeaveWithin bounds how long a server that is told to end asks its clients
	// to move before: 5 s.
	LeaveWithin time.Duration

	// Auth asks clients, AdminAuth operators, for a token. AdminPassword is that
	// of the first user, "nacos". Without it one is drawn and given to FirstUser,
	// once; with neither there is no first user. Secret signs tokens; the
	// cluster draws one otherwise.
	Auth, AdminAuth bool
	AdminPassword   string
	FirstUser       func(name, password string)
	Secret          []byte

	// Limits bound what clients may have the server hold, Doors what they may ask
	// for at a time, and MaxConnections how many are connected by gRPC.
	Limits         registry.Limits
	Doors          DoorLimits
	MaxConnections int
	// PushToCaller has clients of 1.x pushed to at the address that they ask
	// from, and not at the one they give: see httpapi.Options.
	PushToCaller bool

	// Version is what this build calls itself.
	Version string
	// Logger gets what an operator should know, Level is how much; nil: it
	// cannot be changed while the server runs.
	Logger *slog.Logger
	Level  *slog.LevelVar
}

func (o Options) withDefaults() Options {
	if o.HTTPPort == 0 {
		o.HTTPPort = DefaultHTTPPort
	}
	follow := func(port *int, offset int) {
		switch {
		case *port != 0:
		case o.HTTPPort == AnyPort:
			*port = AnyPort
		default:
			*port = o.HTTPPort + offset
		}
	}
	follow(&o.GRPCPort, grpcOffset)
	follow(&o.RaftPort, raftOffset)
	if o.GossipPort == 0 {
		o.GossipPort = DefaultGossipPort
	}
	if o.BootstrapExpect == 0 && len(o.Join) == 0 {
		o.BootstrapExpect = 1
	}
	if o.Bind == "" {
		o.Bind = "0.0.0.0"
	}
	for _, d := range []struct {
		p   *time.Duration
		def time.Duration
	}{
		{&o.Grace, 8 * time.Second}, {&o.Settle, 10 * time.Second}, {&o.DeadAfter, 10 * time.Minute}, {&o.LeaveWithin, 5 * time.Second},
	} {
		if *d.p == 0 {
			*d.p = d.def
		}
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrOptions wraps each fault of Options. Nothing was started.
var ErrOptions = errors.New("invalid options")

// validate returns all faults at once.
func (o *Options) validate() error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("%w: "+format, append([]any{ErrOptions}, args...)...))
		}
	}
	bad(o.DataDir == "", "no data directory")
	bad(net.ParseIP(o.Bind) == nil, "%q is not an IP address to bind to", o.Bind)
	ports := make(map[int]string)
	for _, p := range []struct {
		name string
		n    int
	}{{"HTTP", o.HTTPPort}, {"gRPC", o.GRPCPort}, {"Raft", o.RaftPort}, {"gossip", o.GossipPort}} {
		bad(p.n != AnyPort && (p.n < 1 || p.n > 65535), "the port for %s, %d, is not within 1 and 65535", p.name, p.n)
		bad(p.n != AnyPort && ports[p.n] != "", "port %d is to be for %s and for %s", p.n, ports[p.n], p.name)
		ports[p.n] = p.name
	}
	bad(o.BootstrapExpect < 0, "%d servers cannot found a cluster", o.BootstrapExpect)
	bad(o.BootstrapExpect > 1 && len(o.Join) == 0, "%d servers are to found a cluster, and this one knows none of the others to join", o.BootstrapExpect)
	bad(o.MaxConnections < 0, "a negative number of connections")
	bad(o.Grace < 0 || o.Settle < 0 || o.LeaveWithin < 0, "a negative time")
	return errors.Join(errs...)
}
