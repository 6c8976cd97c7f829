package grpcapi

import (
	"context"
	"time"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// A client that was asked to move closes its connection here, and a moment
// later registers anew at another server. What it has registered stays for
// that moment, or all who subscribe would see it go and come.
const movesWithin = 3 * time.Second

type departure struct {
	id registry.ClientID
	at time.Time
}

// depart takes a client out that was asked to move, after a while.
func (s *Server) depart(id registry.ClientID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.departed = append(s.departed, departure{id, time.Now()})
}

// departures takes those out whose while is over.
func (s *Server) departures(now time.Time) {
	s.mu.Lock()
	n := 0
	for n < len(s.departed) && now.Sub(s.departed[n].at) >= movesWithin {
		n++
	}
	due := s.departed[:n:n]
	s.departed = s.departed[n:]
	s.mu.Unlock()
	for _, d := range due {
		s.disconnect(d.id)
	}
}

func (s *Server) disconnect(id registry.ClientID) {
	if err := s.reg.Disconnect(id); err != nil {
		s.log.Error("disconnecting a client", "client", string(id), "err", err)
	}
}

// healthCheck fails for a client that was asked to move: those written in Go
// stay where they are as long as it does not.
func (s *Server) healthCheck(_ context.Context, c *call) (reply, error) {
	if c.conn.moving.Load() {
		return reply{}, codes.Server.With("this connection is to be given up for one to another server")
	}
	return reply{kind: "HealthCheckResponse"}, nil
}
