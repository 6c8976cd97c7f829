package app

import (
	"context"
	"time"
)

// How soon, and how often at first, a server that is cut off from most of its
// cluster asks its clients to try another one. They may reach the others where
// it does not; and it may also be that the others are dead, so the pauses grow.
const (
	minorityLook  = 500 * time.Millisecond
	minorityDoubt = 2 * time.Second // an election is over by then
	minorityAlone = 4 * time.Second // several are
	minorityPause = 3 * time.Second
	minorityMost  = 5 * time.Minute
)

// A doubter notes since when something speaks for it that this server is cut off,
// though gossip has not found the others dead: its verdict takes longest on the
// side that has few to confirm it (Lifeguard, section IV), which is the side that
// must be quick, for the other one will soon give its clients up.
type doubter struct{ leaderless, suspicious time.Time }

// look takes a look in, and reports whether it is probable enough by now: Raft
// knows no leader, and gossip suspects most of the cluster; or gossip suspects at
// least one, and Raft has known no leader for as long as several elections take.
func (d *doubter) look(leader bool, voters, well int, now time.Time) bool {
	for _, w := range []struct {
		since *time.Time
		holds bool
	}{{&d.leaderless, !leader && well < voters}, {&d.suspicious, !leader && 2*well < voters}} {
		switch {
		case !w.holds:
			*w.since = time.Time{}
		case w.since.IsZero():
			*w.since = now
		}
	}
	return since(d.suspicious, now) >= minorityDoubt || since(d.leaderless, now) >= minorityAlone
}

// since is how long something has lasted, zero if it does not.
func since(begin, now time.Time) time.Duration {
	if begin.IsZero() {
		return 0
	}
	return now.Sub(begin)
}

// watchMinority has clients move while this server is cut off.
func (s *Server) watchMinority(ctx context.Context) {
	tick := time.NewTicker(minorityLook)
	defer tick.Stop()
	pause := minorityPause
	var next time.Time
	var doubt doubter
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
		leader, voters, well := s.members.outlook()
		cut = doubt.look(leader, voters, well, now) && ready || lost
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
