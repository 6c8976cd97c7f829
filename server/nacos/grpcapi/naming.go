package grpcapi

import (
	"context"
	"errors"
	"strconv"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// naming is a request about a service: what all of them have, and what some do.
type naming struct {
	Namespace, ServiceName, GroupName string

	Type        string
	Instance    shape.Instance
	Instances   []shape.Instance
	Subscribe   bool
	Clusters    string
	Cluster     string
	HealthyOnly bool
	PageNo      int
	PageSize    int
}

// naming reads a request about a service.
func (c *call) naming() (n naming, err error) {
	if err := shape.Scan(c.payload.Body, n.field); err != nil {
		return n, codes.BadGateway.With(c.payload.Type + ": " + err.Error())
	}
	return n, nil
}

func (n *naming) field(s *shape.Scanner, name []byte) {
	switch string(name) {
	case "namespace":
		s.Text(&n.Namespace)
	case "serviceName":
		s.Text(&n.ServiceName)
	case "groupName":
		s.Text(&n.GroupName)
	case "type":
		s.Text(&n.Type)
	case "instance":
		n.Instance.Scan(s)
	case "instances":
		s.Array(func(s *shape.Scanner) {
			n.Instances = append(n.Instances, shape.Instance{})
			n.Instances[len(n.Instances)-1].Scan(s)
		})
	case "subscribe":
		s.Bool(&n.Subscribe)
	case "clusters":
		s.Text(&n.Clusters)
	case "cluster":
		s.Text(&n.Cluster)
	case "healthyOnly":
		s.Bool(&n.HealthyOnly)
	case "pageNo":
		s.Int(&n.PageNo)
	case "pageSize":
		s.Int(&n.PageSize)
	}
}

func (n *naming) key() registry.ServiceKey {
	return registry.Key(n.Namespace, n.GroupName, n.ServiceName)
}

func resource(k registry.ServiceKey) nacos.Resource {
	return nacos.Resource{Namespace: k.Namespace, Group: k.Group, Name: k.Name, Type: "naming"}
}

// What instance requests ask for.
const (
	registerInstance   = "registerInstance"
	deregisterInstance = "deregisterInstance"
	batchRegister      = "batchRegisterInstance"
)

func unsupported(kind string) error {
	return codes.Invalid.With("Unsupported request type " + kind)
}

func (s *Server) instance(ctx context.Context, c *call) (reply, error) {
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := req.key()
	if err := s.check(ctx, c, resource(key), nacos.Write); err != nil {
		return reply{}, err
	}
	switch req.Type {
	case registerInstance:
		i, err := req.Instance.To(key)
		if err != nil {
			return reply{}, err
		}
		i.Ephemeral = true // the other kind has a request of its own
		if err := s.reg.Register(c.conn.id, key, []registry.Instance{i}); err != nil {
			return reply{}, err
		}
	case deregisterInstance:
		if err := s.reg.Deregister(c.conn.id, key); err != nil {
			return reply{}, err
		}
	default:
		return reply{}, unsupported(req.Type)
	}
	return reply{kind: "InstanceResponse", extra: typeField(req.Type)}, nil
}

func typeField(kind string) []byte { return []byte(`,"type":"` + kind + `"`) }

func (s *Server) batchInstance(ctx context.Context, c *call) (reply, error) {
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := req.key()
	if err := s.check(ctx, c, resource(key), nacos.Write); err != nil {
		return reply{}, err
	}
	if req.Type != batchRegister {
		return reply{}, unsupported(req.Type)
	}
	list := make([]registry.Instance, len(req.Instances))
	for n := range req.Instances {
		i, err := req.Instances[n].To(key)
		if err != nil {
			return reply{}, err
		}
		i.Ephemeral = true
		list[n] = i
	}
	if err := s.replaceBatch(c, key, list); err != nil {
		return reply{}, err
	}
	return reply{kind: "BatchInstanceResponse", extra: typeField(req.Type)}, nil
}

// replaceBatch registers a batch in the place of the last one. A client of Java
// takes instances out of its batch by registering what is left of it, which in
// the end is none.
func (s *Server) replaceBatch(c *call, key registry.ServiceKey, list []registry.Instance) error {
	if len(list) == 0 {
		return s.reg.Deregister(c.conn.id, key)
	}
	err := s.reg.Register(c.conn.id, key, list)
	if errors.Is(err, registry.ErrKind) {
		return codes.Of(err).With("Current service " + key.Grouped() + " is persistent service, can't batch register ephemeral instance.")
	}
	return err
}

func (s *Server) persistentInstance(ctx context.Context, c *call) (reply, error) {
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := req.key()
	if err := s.check(ctx, c, resource(key), nacos.Write); err != nil {
		return reply{}, err
	}
	i, err := req.Instance.To(key)
	if err != nil {
		return reply{}, err
	}
	i.Ephemeral = false
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	switch req.Type {
	case registerInstance:
		err = s.reg.RegisterPersistent(ctx, key, i)
	case deregisterInstance:
		err = s.reg.DeregisterPersistent(ctx, key, i.IP, i.Port)
	default:
		err = unsupported(req.Type)
	}
	if err != nil {
		return reply{}, err
	}
	return reply{kind: "InstanceResponse", extra: typeField(req.Type)}, nil
}

func (s *Server) subscribeService(ctx context.Context, c *call) (reply, error) {
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := req.key()
	if err := s.check(ctx, c, resource(key), nacos.Read); err != nil {
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
	req, err := c.naming()
	if err != nil {
		return reply{}, err
	}
	key := req.key()
	if err := s.check(ctx, c, resource(key), nacos.Read); err != nil {
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
