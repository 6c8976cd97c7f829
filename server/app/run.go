package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// phase is why the server is not ready, nil if it is.
type phase struct {
	mu  sync.Mutex
	err error
	up  chan struct{} // closed when the server has been ready for the first time
}

var (
	errStarting = errors.New("starting")
	errAgreed   = errors.New("reading what the servers have agreed on")
	errAsking   = errors.New("asking the other servers what they know")
	errLeaving  = errors.New("leaving")
)

func (p *phase) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
	if p.up == nil {
		p.up = make(chan struct{})
	}
	if err == nil {
		close(p.up)
	}
}

func (p *phase) get() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Ready returns nil when the server does its part: what has been agreed on is
// here and what is being agreed on arrives, and it has learned from its peers
// which clients they hold. Otherwise it returns the reason.
func (s *Server) Ready() error {
	if err := s.phase.get(); err != nil {
		return err
	}
	if err := s.raft.Ready(); err != nil {
		return fmt.Errorf("raft: %w", err)
	}
	return nil
}

// Up is closed when the server has become ready.
func (s *Server) Up() <-chan struct{} { return s.phase.up }

// Run does the server's work until ctx ends. Then it has its clients move to
// other servers, leaves, and returns. An error other than from that says why it
// has ended by itself. The server cannot be run again.
func (s *Server) Run(ctx context.Context) error {
	work, stop := context.WithCancel(context.Background())
	defer stop()
	s.start(work)
	var err error
	select {
	case <-ctx.Done():
		s.leave()
	case err = <-s.failed:
	}
	s.phase.set(errLeaving)
	s.plane.Freeze() // whatever the reason: the clients live
	stop()
	s.router.work.Wait()
	err = errors.Join(err, s.close())
	s.work.Wait()
	return err
}

// start sets everything to work.
func (s *Server) start(ctx context.Context) {
	for _, f := range []func(context.Context){
		s.plane.Run, s.reg.Run, s.push.Run, s.health.Run, s.grpc.Run, s.bringUp, s.noteClock, s.watchRaft, s.watchMinority,
	} {
		s.work.Go(func() { f(ctx) })
	}
	// It has the router work, and so ends before that is waited for.
	s.router.work.Go(func() { s.members.follow(ctx) })
	s.work.Go(func() {
		if err := s.udp.Run(ctx); err != nil && ctx.Err() == nil {
			s.fail(fmt.Errorf("pushing by UDP: %w", err))
		}
	})
	s.serve("HTTP", s.door.Bound(s.httpListener), s.http.Serve)
	s.serve("gRPC", s.grpcListener, s.grpc.Serve)
}

// serve opens a door.
func (s *Server) serve(what string, l net.Listener, f func(net.Listener) error) {
	s.work.Go(func() {
		err := f(l)
		if err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			s.fail(fmt.Errorf("serving %s: %w", what, err))
		}
	})
}

// hintAfter is how long a server may wait for something before it says for what.
const hintAfter = 10 * time.Second

// bringUp makes the server ready.
func (s *Server) bringUp(ctx context.Context) {
	s.phase.set(errAgreed)
	if !s.awaitRaft(ctx) {
		return
	}
	s.phase.set(errAsking)
	settle, err := s.plane.Sync(ctx, s.members.others)
	if err != nil {
		return // the server ends
	}
	s.reg.Ready(settle)
	s.phase.set(nil)
	s.announce(true)
	s.health.Rebalance()
	s.log.Info("ready", "server", s.id, "took", time.Since(s.began).Round(time.Millisecond), "settle", settle)
	s.ensureAdmin(ctx)
}

// awaitRaft returns true once Raft's log is here, and the other servers are in
// sight that have it.
func (s *Server) awaitRaft(ctx context.Context) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	hint := time.NewTimer(hintAfter)
	defer hint.Stop()
	again := time.NewTicker(joinAgain)
	defer again.Stop()
	for {
		err := s.raft.Ready()
		if err == nil && len(s.raft.Status().Servers) > 1 && len(s.members.others()) == 0 {
			err = errors.New("no other server in sight yet")
		}
		if err == nil {
			cluster := s.raft.Status().Cluster
			s.cluster.Store(&cluster)
			return true
		}
		select {
		case <-tick.C:
		case <-again.C:
			s.joinAgain(ctx)
		case <-hint.C:
			s.log.Warn("not ready yet", "why", err, "servers", len(s.members.others())+1, "hint", s.waitingHint())
			hint.Reset(hintAfter)
		case <-ctx.Done():
			return false
		}
	}
}

// joinAgain is how often a server that is not ready yet tells the others of
// itself: one that was killed and comes back under another address is not
// believed until they have found its former self dead.
const joinAgain = 2 * time.Second

func (s *Server) joinAgain(ctx context.Context) {
	var seeds []string
	for _, p := range s.members.list() {
		if p.here() && p.id() != s.id {
			seeds = append(seeds, p.member.Addr.String())
		}
	}
	if len(seeds) == 0 {
		return // those that were given are tried all the time
	}
	ctx, cancel := context.WithTimeout(ctx, joinAgain/2)
	defer cancel()
	if _, err := s.node.Join(ctx, seeds...); err != nil {
		s.log.Debug("telling the other servers of this one", "err", err)
	}
}

func (s *Server) waitingHint() string {
	st := s.raft.Status()
	switch {
	case st.Fault != "":
		return st.Fault
	case st.Cluster == "" && s.opts.BootstrapExpect > 1:
		return fmt.Sprintf("%d servers with --bootstrap-expect %d are to see each other", s.opts.BootstrapExpect, s.opts.BootstrapExpect)
	case st.Cluster == "" && len(s.members.others()) == 0:
		return "no server of --join answers"
	case st.Cluster == "":
		return "no cluster takes this server in; the first one is started without --join, or several with --bootstrap-expect N"
	case st.Leader.ID == "" && len(s.members.others()) == 0 && s.strangers.hint() != "":
		return s.strangers.hint()
	case st.Leader.ID == "":
		return fmt.Sprintf("a majority of the cluster's %d servers must be there", len(st.Servers))
	}
	return "it is being sent what it has missed"
}

// announce tells the others whether this server is ready.
func (s *Server) announce(ready bool) {
	b, err := s.info(ready, s.raftPort()).encode()
	if err == nil {
		err = s.node.SetMeta(b)
	}
	if err != nil {
		s.log.Warn("telling the other servers", "ready", ready, "err", err)
	}
}

// noteClockEvery is how much of the clock a power cut may lose. It matters only
// if the system's clock goes back as well.
const noteClockEvery = 5 * time.Second

func (s *Server) noteClock(ctx context.Context) {
	tick := time.NewTicker(noteClockEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := s.dir.note(s.reg.Clock(), false)
		if err != nil && !failing {
			s.log.Warn("noting the clock", "err", err)
		}
		failing = err != nil
	}
}

// watchRaft says so when the log can be trusted no more. The server goes on
// with what needs no agreement, and is not ready.
func (s *Server) watchRaft(ctx context.Context) {
	select {
	case <-s.raft.Stopped():
		s.announce(false)
	case <-ctx.Done():
	}
}
