package grpcapi

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// A Connection is what is shown of one.
type Connection struct {
	ID         registry.ClientID
	Info       registry.ClientInfo
	Since      time.Time
	LastActive time.Time
}

// Connections returns all that are set up.
func (s *Server) Connections() []Connection {
	var out []Connection
	for _, c := range s.registered() {
		out = append(out, Connection{ID: c.id, Info: *c.info.Load(), Since: c.since, LastActive: time.Unix(0, c.active.Load())})
	}
	return out
}

func (s *Server) registered() []*conn {
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	all = slices.DeleteFunc(all, func(c *conn) bool { return c.current() == nil })
	slices.SortFunc(all, func(a, b *conn) int { return strings.Compare(string(a.id), string(b.id)) })
	return all
}

// Reload asks clients to move to other servers, until count of them are left.
// redirect is the address of a server to move to, "" to let them choose.
func (s *Server) Reload(count int, redirect string) error {
	all := s.registered()
	for _, c := range all[min(max(count, 0), len(all)):] {
		if err := s.reset(c, redirect); err != nil {
			return err
		}
	}
	return nil
}

// ReloadOne asks one client to move.
func (s *Server) ReloadOne(id registry.ClientID, redirect string) error {
	for _, c := range s.registered() {
		if c.id == id {
			return s.reset(c, redirect)
		}
	}
	return fmt.Errorf("%w: connection %s", registry.ErrClientGone, id)
}

func (s *Server) reset(c *conn, redirect string) error {
	b := append([]byte(`{"headers":{},"requestId":"`), strconv.FormatUint(s.ids.Add(1), 10)...)
	b = append(b, `","module":"internal","connectionId":`...)
	b = registry.AppendJSONString(b, string(c.id))
	if redirect != "" {
		host, port, err := net.SplitHostPort(redirect)
		if err != nil {
			return &registry.InvalidError{Param: "redirectAddress", Text: "redirectAddress is not HOST:PORT"}
		}
		b = append(b, `,"serverIp":`...)
		b = registry.AppendJSONString(b, host)
		b = append(b, `,"serverPort":`...)
		b = registry.AppendJSONString(b, port)
	}
	c.moving.Store(true)
	go func() { // it may be slow, and the others are not to wait
		if err := c.send(&Payload{Type: "ConnectResetRequest", Body: append(b, '}')}); err != nil {
			s.log.Debug("asking a client to move", "client", string(c.id), "err", err)
		}
	}()
	return nil
}
