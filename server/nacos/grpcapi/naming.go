package grpcapi

import (
	"context"

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

// about reads a request about a service, for a client that may do so.
func (s *Server) about(ctx context.Context, c *call, a nacos.Action) (req naming, key registry.ServiceKey, err error) {
	if req, err = c.naming(); err != nil {
		return req, key, err
	}
	key = req.key()
	return req, key, s.check(ctx, c, resource(key), a)
}
