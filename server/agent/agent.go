package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// LeaveTimeout bounds the goodbye: long enough for the news to reach a few
// peers of a struggling cluster, short enough for a service manager's patience.
const LeaveTimeout = 10 * time.Second

// closePatience is how long requests in flight may take to finish at the end.
const closePatience = time.Second

// Options say how an agent runs. Config's OnMessage, and its Transport when
// DebugFaults is set, are the agent's own.
type Options struct {
	Config muster.Config
	API    string // HOST:PORT of the HTTP API; port 0 picks one

	// DebugFaults adds POST /debug/cut, with which a test cuts this agent's
	// outgoing traffic to some addresses. Not a stable interface.
	DebugFaults bool
}

// Agent is a running member with its API.
type Agent struct {
	node     *muster.Node
	keys     keyring
	messages *inbox
	warnings *recent
	faults   *faults // nil unless Options.DebugFaults
	log      *slog.Logger

	listener net.Listener
	server   *http.Server
	served   chan error

	leave    sync.Mutex // one goodbye at a time
	left     bool       // under leave
	leftOnce sync.Once
	leftDone chan struct{} // closed when a request made the agent leave
}

// Start binds the API, then starts the node, then serves. When it fails,
// nothing is left running and nothing was said to the cluster.
func Start(opts Options) (*Agent, error) {
	a := &Agent{
		messages: newInbox(),
		warnings: new(recent),
		served:   make(chan error, 1),
		leftDone: make(chan struct{}),
	}
	cfg := opts.Config
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = slog.New(fanout{cfg.Logger.Handler(), a.warnings.handler()})
	cfg.OnMessage = a.messages.receive
	a.log = cfg.Logger
	if cfg.Keyring != nil { // an interface must not hold a nil pointer
		a.keys = cfg.Keyring
	}

	// The API's port is the one a second agent trips over first, and the one
	// whose failure costs nothing: it goes before the node speaks to anybody.
	listener, err := net.Listen("tcp", opts.API)
	if err != nil {
		return nil, &BindError{What: "api", Flag: "--api", Addr: opts.API, Err: err}
	}
	a.listener = listener
	if err := a.startNode(cfg, opts.DebugFaults); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	a.server = newServer(a.routes(), a.Loopback(), a.log)
	go func() { a.served <- a.server.Serve(listener) }()
	return a, nil
}

func (a *Agent) startNode(cfg muster.Config, debugFaults bool) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	if debugFaults {
		t, err := muster.ListenUDPTCP(cfg.Bind)
		if err != nil {
			return &BindError{What: "cluster", Flag: "--bind", Addr: cfg.Bind, Err: err}
		}
		a.faults = newFaults(t)
		cfg.Transport = a.faults
	}
	node, err := muster.Start(cfg)
	if err != nil {
		if a.faults != nil { // Start closed it, unless it failed before it looked
			if cerr := a.faults.Close(); !errors.Is(cerr, net.ErrClosed) {
				err = errors.Join(err, cerr)
			}
		}
		return clusterError(cfg.Bind, err)
	}
	a.node = node
	return nil
}

// Node is the member itself.
func (a *Agent) Node() *muster.Node { return a.node }

// APIAddr is where the API listens, with the port that was picked.
func (a *Agent) APIAddr() string { return a.listener.Addr().String() }

// Loopback reports whether only this machine can reach the API.
func (a *Agent) Loopback() bool {
	ap, err := netip.ParseAddrPort(a.listener.Addr().String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// Wait serves until ctx ends, a request made the agent leave, or something
// failed; then it leaves if it has not yet, within LeaveTimeout, and closes.
// The error is nil when the cluster was told.
func (a *Agent) Wait(ctx context.Context) error {
	var err error
	select {
	case <-ctx.Done():
		err = a.Leave(context.WithoutCancel(ctx))
	case <-a.leftDone:
	case <-a.node.Done():
		err = errors.New("the node stopped by itself")
	case served := <-a.served:
		a.served <- served
		err = errors.Join(fmt.Errorf("api: %w", served), a.Leave(context.WithoutCancel(ctx)))
	}
	return errors.Join(err, a.Close())
}

// Leave tells the cluster that this member goes, once; later calls return nil.
// After an error the member is still up and may try again.
func (a *Agent) Leave(ctx context.Context) error {
	a.leave.Lock()
	defer a.leave.Unlock()
	if a.left {
		return nil
	}
	a.log.Info("leaving the cluster")
	ctx, cancel := context.WithTimeout(ctx, LeaveTimeout)
	defer cancel()
	if err := a.node.Leave(ctx); err != nil {
		return err
	}
	a.left = true
	a.log.Info("left the cluster")
	return nil
}

// markLeft lets Wait close the agent.
func (a *Agent) markLeft() { a.leftOnce.Do(func() { close(a.leftDone) }) }

// Close stops without telling the cluster: streams end cleanly, requests in
// flight get a moment to finish, then the sockets close.
func (a *Agent) Close() error {
	err := a.node.Close() // ends the event streams, and what waits for the node
	a.messages.close()    // ends the message streams
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if a.server.Shutdown(ctx) != nil {
		// Some client would not let go: a connection on which nothing was ever
		// asked counts as busy for 5 seconds.
		err = errors.Join(err, a.server.Close())
	}
	if served := <-a.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}
