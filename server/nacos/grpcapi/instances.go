package grpcapi

import (
	"context"
	"errors"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

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
	req, key, err := s.about(ctx, c, nacos.Write)
	if err != nil {
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
	req, key, err := s.about(ctx, c, nacos.Write)
	if err != nil {
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
	req, key, err := s.about(ctx, c, nacos.Write)
	if err != nil {
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
