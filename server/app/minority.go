package app

import (
	"context"
	"time"
)

// How soon, and how often at first, a server that is cut off from most of its
// cluster asks its clients to try another one. They may reach the others where
// it does not; and it may also be that the others are dead, so the pauses grow.
const (
	minorityLook  = time.Second
	minorityPause = 3 * time.Second
	minorityMost  = 5 * time.Minute
)

// watchMinority has clients move while this server is cut off.
func (s *Server) watchMinority(ctx context.Context) {
	tick := time.NewTicker(minorityLook)
	defer tick.Stop()
	pause := minorityPause
	var next time.Time
	cut := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		was := cut
		if cut = s.phase.get() == nil && s.members.minority(); cut != was {
			s.plane.Recheck()
		}
		now := time.Now()
		switch {
		case !cut && was:
			s.log.Info("sees most of the cluster again")
			pause, next = minorityPause, time.Time{}
		case cut && !was:
			s.log.Warn("sees less than half of the cluster: keeps the clients of the servers it misses, and asks its own to try other servers")
			next = now.Add(minorityLook)
		case cut && !now.Before(next):
			if err := s.grpc.Reload(0, ""); err != nil {
				s.log.Warn("asking clients to move", "err", err)
			}
			next, pause = now.Add(pause), min(2*pause, minorityMost)
		}
	}
}
