package grpcapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

func (s *Server) subscribeService(ctx context.Context, c *call) (reply, error) {
	req, key, err := s.about(ctx, c, nacos.Read)
	if err != nil {
		return reply{}, err
	}
	if err := s.reg.CheckClusters(req.Clusters); err != nil {
		return reply{}, err
	}
	q := registry.Query{Clusters: req.Clusters, Consumer: c.conn.ip}
	v, incomplete := s.reg.Complete(ctx, key) // what has changed since is pushed
	if req.Subscribe {
		info := registry.SubscriberInfo{
			Client: c.conn.id, IP: c.conn.ip, Port: c.conn.port, Agent: c.conn.info.Load().Version, App: c.app(),
		}
		if err := c.receiver.Subscribe(key, q, info, s.reg.Limits().Subscriptions); err != nil {
			return reply{}, err
		}
	} else {
		c.receiver.Unsubscribe(key, req.Clusters)
	}
	if incomplete != nil {
		v = s.reg.View(key)
	}
	if v.Unverified && !c.conn.ordersLists() {
		return withoutList("SubscribeServiceResponse", v, q), nil
	}
	return withList("SubscribeServiceResponse", v, q), nil
}

// ordersLists reports whether the client's library never takes a list for newer
// than one with a later lastRefTime. Those for Java, and what was made after
// them, do (seen with nacos-client 2.0.4, 2.5.1 and 3.1.1: it says "out of date
// data received" and keeps it, and its listeners are told nothing); so may those
// that are not known.
func (c *conn) ordersLists() bool {
	library, _, _ := strings.Cut(c.info.Load().Version, ":")
	switch library {
	case "Nacos-Go-Client", "Nacos-Python-Client", "Nacos-Rust-Client":
		return true
	}
	return false
}

// app is what the client says it is a part of.
func (c *call) app() string {
	if a := c.payload.Header("app"); a != "" && len(a) <= maxName {
		return a
	}
	return c.conn.info.Load().App
}

func (s *Server) serviceQuery(ctx context.Context, c *call) (reply, error) {
	req, key, err := s.about(ctx, c, nacos.Read)
	if err != nil {
		return reply{}, err
	}
	if err := key.Validate(); err != nil {
		return reply{}, err
	}
	if err := s.reg.CheckClusters(req.Cluster); err != nil {
		return reply{}, err
	}
	q := registry.Query{Clusters: req.Cluster, HealthyOnly: req.HealthyOnly, Consumer: c.conn.ip}
	v, err := s.reg.Complete(ctx, key)
	if err != nil {
		return reply{}, err // libraries ask now and then for what they are subscribed to, and take what they get
	}
	return withList("QueryServiceResponse", v, q), nil
}

func (s *Server) serviceList(ctx context.Context, c *call) (reply, error) {
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := registry.Key(req.Namespace, req.GroupName, "")
	if err := s.check(ctx, c, resource(key), nacos.Read); err != nil {
		return reply{}, err
	}
	names, count := s.reg.ServiceNames(key.Namespace, key.Group, req.PageNo, req.PageSize)
	b := append([]byte(`,"count":`), strconv.Itoa(count)...)
	b = append(b, `,"serviceNames":[`...)
	for i, n := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = registry.AppendJSONString(b, n)
	}
	return reply{kind: "ServiceListResponse", extra: append(b, ']')}, nil
}
