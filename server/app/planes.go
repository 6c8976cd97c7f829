package app

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/auth"
	"github.com/musterhq/muster/server/ephemeral"
	"github.com/musterhq/muster/server/health"
	"github.com/musterhq/muster/server/nacos/grpcapi"
	"github.com/musterhq/muster/server/nacos/httpapi"
	"github.com/musterhq/muster/server/nacos/udppush"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// openRegistry makes the registry, those who are told of its changes, and users.
func (s *Server) openRegistry() (err error) {
	s.reg = registry.New(registry.Options{
		Self: s.id, Limits: s.opts.Limits, Grace: s.opts.Grace, Unnoticed: unnoticed, Leader: s.leads, Logger: s.log,
	})
	s.reg.ObserveClock(s.dir.clock)
	s.metrics = newMetrics(s)
	s.push = push.New(s.reg, push.Options{
		Enabled: func() bool { return s.reg.Switches().Push && !s.draining.Load() }, Delivered: s.metrics.pushed,
	})
	s.health = health.New(health.Options{Registry: s.reg, Responsible: s.checks, Logger: s.log})
	s.reg.Observe(observers{s.push, s.health})
	s.auth, err = auth.New(auth.Options{
		Store: s.reg, Secret: s.opts.Secret, Clients: s.opts.Auth, Admin: s.opts.AdminAuth, Logger: s.log,
	})
	return err
}

// openPlanes gives the registry the two ways by which the servers share it.
func (s *Server) openPlanes() (err error) {
	s.router = &router{s: s}
	s.plane, err = ephemeral.New(ephemeral.Options{
		Node: s.node, Registry: s.reg, Life: s.dir.life, Fresh: s.dir.fresh, Settle: s.opts.Settle,
		Minority: s.members.minority, Logger: s.log,
	})
	if err != nil {
		return err
	}
	s.reg.Use(s.plane, s.raft)
	s.reg.UseWithdraw(s.withdraw)
	s.reg.UseElsewhere(s.listElsewhere)
	for topic, f := range map[string]muster.Handler{
		topicHTTP: s.router.serve, topicWithdraw: s.withdrawn, topicLoad: s.answerLoad, topicReload: s.answerReload,
		topicSubscribers: s.answerSubscribers, topicList: s.answerList,
	} {
		cancel := s.node.Handle(topic, f)
		s.later(func() error { cancel(); return nil })
	}
	return nil
}

// observers are told of changes one after the other.
type observers []registry.Observer

func (o observers) Changed(s *registry.Service) {
	for _, x := range o {
		x.Changed(s)
	}
}

func (o observers) Added(k registry.ServiceKey) {
	for _, x := range o {
		x.Added(k)
	}
}

func (o observers) Removed(k registry.ServiceKey) {
	for _, x := range o {
		x.Removed(k)
	}
}

// checks reports whether this server checks the instances of a service.
func (s *Server) checks(key registry.ServiceKey) bool {
	if s.phase.get() != nil {
		return false
	}
	p := s.router.responsible(registry.ClientID(key.String()))
	return p != nil && p.id() == s.id
}

func (s *Server) raftPort() int {
	_, port, err := net.SplitHostPort(s.raft.Status().Addr)
	if err != nil {
		return 0
	}
	p, err := net.LookupPort("tcp", port)
	if err != nil {
		return 0
	}
	return p
}

// topicWithdraw asks a server to take out a registration of an HTTP client that
// it held before another one became responsible.
const topicWithdraw = "muster/withdraw"

type withdrawal struct {
	Client  registry.ClientID   `json:"client"`
	Service registry.ServiceKey `json:"service"`
}

func (s *Server) withdraw(server string, id registry.ClientID, key registry.ServiceKey) error {
	b, err := json.Marshal(withdrawal{id, key})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), forwardWithin)
	defer cancel()
	_, err = s.node.Request(ctx, server, topicWithdraw, b)
	if errors.Is(err, muster.ErrUnknown) {
		return nil // it is gone, and what it held goes after the grace period
	}
	return err
}

func (s *Server) withdrawn(_ context.Context, m muster.Message) ([]byte, error) {
	var w withdrawal
	if err := json.Unmarshal(m.Payload, &w); err != nil {
		return nil, err
	}
	if !w.Client.IsAddress() {
		return nil, errors.New("a client with a connection ends with it")
	}
	return nil, s.reg.Deregister(w.Client, w.Service)
}

// openDoors makes what clients and operators come in by.
func (s *Server) openDoors() error {
	limits := s.opts.Doors
	s.grpc = grpcapi.New(grpcapi.Options{
		Registry: s.reg, Push: s.push, Access: s.auth, Logger: s.log, MaxConnections: s.opts.MaxConnections,
		MaxPerIP: limits.ConnectionsPerIP, MaxMessage: limits.Message, MaxRate: limits.Rate, MaxConcurrent: uint32(limits.Concurrent),
		Requests: s.metrics.grpcRequest,
	})
	s.later(func() error { s.grpc.Close(); return nil })
	pc, err := net.ListenPacket("udp", s.opts.address(0))
	if err != nil {
		return bindError("UDP push", "--bind", s.opts.address(0), err)
	}
	s.udp = udppush.New(pc, udppush.Options{
		Push: s.push, Logger: s.log, MaxSubscribers: limits.UDPSubscribers, MaxPerSubscriber: limits.UDPPerAddress,
		Lasts: func() time.Duration { return time.Duration(s.reg.Switches().PushCache) * time.Millisecond },
	})
	s.later(func() error {
		if err := pc.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	})
	door := httpapi.Options{
		Registry: s.reg, Push: s.push, Access: s.auth, Users: s.auth, Cluster: &cluster{s: s}, Connections: s.grpc,
		Subscribers: s.udp, Logger: s.log, Healthy: s.Ready,
		Address: netip.AddrPortFrom(s.ip(), uint16(portOf(s.httpListener))), SetLogLevel: s.setLogLevel,
		Metrics: s.metrics.handler(), Requests: s.metrics.httpRequest,
		MaxConnections: limits.HTTPConnections, MaxInFlight: limits.Requests, MaxWaiting: limits.Listeners,
		MaxBody: int64(limits.Body), MaxBodies: int64(limits.Bodies), PushToCaller: s.opts.PushToCaller,
	}
	s.router.inner = httpapi.New(door)
	door.Route = s.router.route
	s.door = httpapi.New(door)
	s.http = s.door.HTTPServer()
	s.http.Handler = httpapi.Tidy(s.mux())
	s.later(s.closeHTTP)
	return nil
}

// closeHTTP lets requests that are under way end.
func (s *Server) closeHTTP() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return s.http.Close()
	}
	return nil
}
