package app

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/auth"
	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/ephemeral"
	"github.com/musterhq/muster/server/health"
	"github.com/musterhq/muster/server/nacos/grpcapi"
	"github.com/musterhq/muster/server/nacos/httpapi"
	"github.com/musterhq/muster/server/nacos/udppush"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// Server is one server of a cluster.
type Server struct {
	opts Options
	log  *slog.Logger
	id   string
	dir  *dataDir

	node    *muster.Node
	stream  consensus.StreamLayer // until Raft has it
	reg     *registry.Registry
	machine *machine
	raft    *consensus.Node
	plane   *ephemeral.Plane
	push    *push.Engine
	health  *health.Monitor
	metrics *metrics
	auth    *auth.Auth
	members *members
	router  *router

	httpListener, grpcListener net.Listener
	http                       *http.Server
	grpc                       *grpcapi.Server
	udp                        *udppush.Server
	door                       *httpapi.Server

	strangers strangers

	phase    phase
	cluster  atomic.Pointer[string] // its identity; "" while there is none
	draining atomic.Bool            // nothing is pushed any more
	held     held                   // as it was when the server was told to end
	failed   chan error             // takes the first reason to end
	undo     []func() error
	work     sync.WaitGroup
	began    time.Time
}

// New takes the server's directory and its ports, and makes what it is of.
// [Server.Run] sets it to work. An error leaves nothing running.
func New(o Options) (*Server, error) {
	o = o.withDefaults()
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{opts: o, log: o.Logger, failed: make(chan error, 1), began: time.Now()}
	s.phase.set(errStarting)
	for _, step := range []func() error{s.openDir, s.openDoorsteps, s.openGossip, s.openRegistry, s.openRaft, s.openPlanes, s.openDoors} {
		if err := step(); err != nil {
			if undo := s.close(); undo != nil {
				s.log.Warn("giving up what was taken", "err", undo)
			}
			return nil, err
		}
	}
	return s, nil
}

// later has something undone when the server ends, the last first.
func (s *Server) later(f func() error) { s.undo = append(s.undo, f) }

func (s *Server) close() error {
	var errs []error
	for len(s.undo) > 0 {
		last := len(s.undo) - 1
		f := s.undo[last]
		s.undo = s.undo[:last]
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

func (s *Server) openDir() (err error) {
	if s.dir, err = openDataDir(s.opts.DataDir); err != nil {
		return err
	}
	s.id = s.dir.id
	s.later(s.endDir)
	return nil
}

// openDoorsteps takes the ports for clients first, so that what is wrong with
// them is said before others hear of this server.
func (s *Server) openDoorsteps() (err error) {
	if s.httpListener, err = listen(&s.opts, "HTTP", "--http-port", s.opts.HTTPPort); err != nil {
		return err
	}
	s.later(closing(s.httpListener))
	if s.grpcListener, err = listen(&s.opts, "gRPC", "--grpc-port", s.opts.GRPCPort); err != nil {
		return err
	}
	s.later(closing(s.grpcListener))
	return nil
}

// closing closes a listener that a server may have closed already.
func closing(l net.Listener) func() error {
	return func() error {
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// openGossip takes the ports among servers and starts the member.
func (s *Server) openGossip() error {
	raftAddr := s.opts.address(s.opts.RaftPort)
	secure, err := raftTLS(s.opts.Keyring)
	if err != nil {
		return err
	}
	stream, err := consensus.Listen(raftAddr, secure)
	if err != nil {
		return bindError("Raft", "--raft-port", raftAddr, err)
	}
	s.stream = stream
	s.later(func() error {
		if s.stream == nil {
			return nil
		}
		return s.stream.Close()
	})
	s.members = &members{s: s, all: make(map[string]*peer)}
	cluster, err := consensus.ClusterIn(s.dir.file(raftDir))
	if err != nil {
		return dirError(s.opts.DataDir, err)
	}
	s.cluster.Store(&cluster)
	meta, err := s.info(false, portOf(stream)).encode()
	if err != nil {
		return err
	}
	cfg := s.gossip(meta)
	if s.node, err = muster.Start(cfg); err != nil {
		return bindError("gossip", "--gossip-port", cfg.Bind, err)
	}
	s.later(s.node.Close)
	return nil
}

// openRaft starts reading what was agreed on, into the registry. Those who are
// told of the registry's changes must be known to it by now.
func (s *Server) openRaft() (err error) {
	s.machine = &machine{Registry: s.reg, fail: s.fail}
	stream := s.stream
	s.stream = nil // the node has it, whatever comes of it
	s.raft, err = consensus.Open(consensus.Options{
		Dir: s.dir.file(raftDir), ID: s.id, Stream: stream, Advertise: hostPort(s.ip(), portOf(stream)),
		BootstrapExpect: s.opts.BootstrapExpect, DeadAfter: s.opts.DeadAfter, Logger: s.log,
	}, s.machine)
	if err != nil {
		return dirError(s.opts.DataDir, err)
	}
	s.later(s.raft.Close)
	return nil
}

// unnoticed is about how long gossip takes to notice that a server died, with
// the settings below.
const unnoticed = 5 * time.Second

// gossip is the library's configuration for a server.
func (s *Server) gossip(meta []byte) muster.Config {
	cfg := muster.LAN()
	cfg.Name, cfg.Meta = s.id, meta
	cfg.Seeds = append(slices.Clone(s.opts.Join), s.dir.peers()...)
	cfg.VetAlive, cfg.VetMerge = s.vet, s.vetAll
	cfg.Bind, cfg.Advertise = s.opts.address(s.opts.GossipPort), s.opts.Advertise
	cfg.Label, cfg.Keyring, cfg.Logger = s.opts.Label, s.opts.Keyring, s.log
	// What a server that is cut off holds is not to be sent anew when it is
	// back after a minute or two.
	cfg.GossipToTheDead = 3 * time.Minute
	// A server keeps its name under another address: it has its directory.
	cfg.DeadNodeReclaim = time.Millisecond
	cfg.RequestsMax = 1024
	// A change must be on all servers before its subscribers are pushed, some
	// 25 ms later. Servers are few, and nothing is sent while nothing changes.
	cfg.Records.GossipInterval, cfg.Records.SyncInterval = 25*time.Millisecond, 3*time.Second
	cfg.Records.MaxKeys = 1 << 22 // a server may hold millions of clients
	cfg.Records.MaxBytes, cfg.Records.MaxTotal = 4<<30, 12<<30
	return cfg
}

// ip is the address at which others reach this server.
func (s *Server) ip() netip.Addr { return s.node.Local().Addr.Addr() }

func (s *Server) leads() bool { return s.raft != nil && s.raft.Leads() }

// info is what this server says of itself.
func (s *Server) info(ready bool, raftPort int) info {
	return info{
		Server: 1, HTTP: portOf(s.httpListener), GRPC: portOf(s.grpcListener), Raft: raftPort,
		Life: s.dir.life, Ready: ready, Version: s.opts.Version, Cluster: *s.cluster.Load(),
	}
}

// fail ends the server.
func (s *Server) fail(err error) {
	select {
	case s.failed <- err:
	default: // it ends already
	}
}

// ID is the server's name for ever.
func (s *Server) ID() string { return s.id }

// Addrs are where a server is to be reached.
type Addrs struct {
	HTTP, GRPC, Gossip, Raft string
}

// Addrs returns where this server is to be reached by others.
func (s *Server) Addrs() Addrs {
	return Addrs{
		HTTP: hostPort(s.ip(), portOf(s.httpListener)), GRPC: hostPort(s.ip(), portOf(s.grpcListener)),
		Gossip: s.node.Local().Addr.String(), Raft: s.raft.Status().Addr,
	}
}
