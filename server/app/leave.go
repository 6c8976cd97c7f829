package app

import (
	"context"
	"time"
)

// leave has the clients move to other servers, and tells the others.
func (s *Server) leave() {
	s.phase.set(errLeaving)
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
