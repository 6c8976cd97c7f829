package grpcapi

import (
	"context"
	"strconv"

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
	return withList("SubscribeServiceResponse", s.reg.View(key), q), nil
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
	return withList("QueryServiceResponse", s.reg.View(key), q), nil
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
