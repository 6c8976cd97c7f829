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
	minorityDoubt = 2 * time.Second // an election is over by then
	minorityPause = 3 * time.Second
	minorityMost  = 5 * time.Minute
)

// watchMinority has clients move while this server is cut off.
func (s *Server) watchMinority(ctx context.Context) {
	tick := time.NewTicker(minorityLook)
	defer tick.Stop()
	pause := minorityPause
	var next, doubt time.Time
	lost, cut := false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		ready, wasLost, was := s.phase.get() == nil, lost, cut
		if lost = ready && s.members.minority(); lost != wasLost {
			s.plane.Recheck()
		}
		switch {
		case !s.members.doubtful():
			doubt = time.Time{}
		case doubt.IsZero():
			doubt = now
		}
		cut = lost || ready && !doubt.IsZero() && now.Sub(doubt) >= minorityDoubt
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
