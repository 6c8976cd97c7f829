package app

import (
	"context"
	"time"
)

// leave has the clients move to other servers, and tells the others.
func (s *Server) leave() {
	s.phase.set(errLeaving)
	s.held = s.holds()
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.LeaveWithin)
	defer cancel()
	s.announce(false)
	// What clients have registered stays with the others until they have come
	// up at one of them, and nobody is told here that they are gone.
	s.plane.Freeze()
	s.draining.Store(true)
	if s.others() > 0 {
		s.log.Info("leaving: asking clients to move", "connections", len(s.grpc.Connections()))
		s.drain(ctx)
	}
	if err := s.node.Leave(ctx); err != nil && s.others() > 0 {
		s.log.Warn("leaving the members", "err", err)
	}
}

// held says whether anybody would have to come back after the next start.
type held struct {
	nobody bool
	puts   uint64 // registrations until it was looked
}

// holds looks whose instances this server holds. Of several servers others may
// go on without this one, so that only one that is alone can hold nobody's.
func (s *Server) holds() held {
	alone := len(s.raft.Status().Servers) == 1 && s.others() == 0
	puts := s.plane.Stats().Puts
	return held{alone && s.reg.Verified() && s.reg.Stats().OwnInstances == 0, puts}
}

// endDir gives the directory back, when all doors are closed.
func (s *Server) endDir() error {
	return s.dir.end(s.held.nobody && s.plane.Stats().Puts == s.held.puts) // and nobody has come since
}

// others counts the other servers that clients can go to.
func (s *Server) others() int {
	n := 0
	for _, p := range s.members.list() {
		if p.here() && p.Ready && p.id() != s.id {
			n++
		}
	}
	return n
}

// drain returns when all clients have moved, or ctx ends.
func (s *Server) drain(ctx context.Context) {
	// Nobody is to come back here: clients choose by lot.
	if err := closing(s.grpcListener)(); err != nil {
		s.log.Warn("closing the gRPC port", "err", err)
	}
	if err := s.grpc.Reload(0, ""); err != nil {
		s.log.Warn("asking clients to move", "err", err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(s.grpc.Connections()) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
