package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// ephemeral reports which kind of instance a request is about.
func (q *request) ephemeral() bool {
	return q.flag("ephemeral", q.server.reg.Switches().DefaultEphemeral)
}

// cluster returns the cluster of an instance: three names have been in use.
func (q *request) cluster() string {
	return q.text("clusterName", q.text("cluster", registry.DefaultCluster))
}

func (q *request) port() (uint16, error) {
	text, err := q.required("port")
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 65535 {
		return 0, &registry.InvalidError{Param: "port", Text: "Param 'port' is illegal, the value should be between 0 and 65535."}
	}
	return uint16(n), nil
}

// address returns the instance that a request is about.
func (q *request) address() (registry.InstanceKey, error) {
	ip, err := q.required("ip")
	if err != nil {
		return registry.InstanceKey{}, err
	}
	port, err := q.port()
	return registry.InstanceKey{IP: ip, Port: port, Cluster: q.cluster()}, err
}

// instance reads an instance from a request's parameters.
func (q *request) instance() (registry.Instance, error) {
	a, err := q.address()
	if err != nil {
		return registry.Instance{}, err
	}
	weight := 1.0
	if w := q.text("weight", ""); w != "" {
		if weight, err = strconv.ParseFloat(w, 64); err != nil {
			return registry.Instance{}, &registry.InvalidError{Param: "weight", Text: fmt.Sprintf("Param 'weight' is no number: %q", w)}
		}
	}
	meta, err := parseMetadata(q.text("metadata", ""))
	if err != nil {
		return registry.Instance{}, err
	}
	return registry.Instance{
		IP: a.IP, Port: a.Port, Cluster: a.Cluster, Weight: weight,
		Healthy: q.flag("healthy", true), Enabled: q.flag("enabled", q.flag("enable", true)),
		Ephemeral: q.ephemeral(), Meta: registry.NewMetadata(meta, ""),
	}, nil
}

// parseMetadata reads metadata, which is a JSON object or k=v,k=v.
func parseMetadata(s string) (map[string]string, error) {
	if s == "" {
		return nil, nil
	}
	var pairs shape.Pairs
	if json.Unmarshal([]byte(s), &pairs) == nil {
		return pairs, nil
	}
	pairs = make(shape.Pairs)
	for part := range strings.SplitSeq(s, ",") {
		k, v, ok := strings.Cut(part, "=")
		if !ok || k == "" || strings.Contains(v, "=") {
			return nil, &registry.InvalidError{Param: "metadata", Text: "metadata format incorrect:" + s}
		}
		pairs[k] = v
	}
	return pairs, nil
}

func (s *Server) registerInstance(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	i, err := q.instance()
	if err != nil {
		return nil, err
	}
	if i.Ephemeral {
		err = s.reg.RegisterAddress(key, i)
	} else {
		err = s.reg.RegisterPersistent(q.Context(), key, i)
	}
	return "ok", err
}

func (s *Server) deregisterInstance(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	a, err := q.address()
	if err != nil {
		return nil, err
	}
	if q.ephemeral() {
		err = s.reg.DeregisterAddress(key, a.IP, a.Port)
	} else {
		err = s.reg.DeregisterPersistent(q.Context(), key, a.IP, a.Port)
	}
	return "ok", err
}

// updateInstance lays what an operator says over an instance: all of it, that
// is, also what the request leaves out.
func (s *Server) updateInstance(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	i, err := q.instance()
	if err != nil {
		return nil, err
	}
	p := registry.Patch{Enabled: &i.Enabled, Weight: &i.Weight, Set: i.Meta.Map(), Replace: true}
	return "ok", s.reg.PatchInstances(q.Context(), key, []registry.InstanceKey{i.Key()}, p)
}

// patchInstance lays what a request says over an instance, and leaves the rest.
func (s *Server) patchInstance(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	a, err := q.address()
	if err != nil {
		return nil, err
	}
	if _, err := s.find(q.Context(), key, a); err != nil {
		return nil, err
	}
	var p registry.Patch
	if q.has("enabled") {
		v := q.flag("enabled", true)
		p.Enabled = &v
	}
	if w := q.text("weight", ""); w != "" {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil {
			return nil, &registry.InvalidError{Param: "weight", Text: fmt.Sprintf("Param 'weight' is no number: %q", w)}
		}
		p.Weight = &v
	}
	if q.has("metadata") {
		if p.Set, err = parseMetadata(q.text("metadata", "")); err != nil {
			return nil, err
		}
		p.Replace = true
	}
	return "ok", s.reg.PatchInstances(q.Context(), key, []registry.InstanceKey{a}, p)
}

// find returns an instance of a service.
func (s *Server) find(ctx context.Context, key registry.ServiceKey, a registry.InstanceKey) (*registry.Instance, error) {
	v := s.reg.View(key)
	i := v.Find(a)
	if i == nil && v.Unverified {
		var err error
		if v, err = s.reg.Complete(ctx, key); err != nil {
			return nil, err
		}
		i = v.Find(a)
	}
	if i != nil {
		return i, nil
	}
	if len(v.Hosts) == 0 {
		return nil, codes.NotFound.With("no ips found for cluster " + a.Cluster + " in service " + key.Grouped())
	}
	return nil, codes.NotFound.With("no matched ip found!")
}

func (s *Server) instanceDetail(q *request) (any, error) {
	key, i, err := s.asked(q)
	if err != nil {
		return nil, err
	}
	return object{
		"service": key.Grouped(), "serviceName": key.Grouped(), "ip": i.IP, "port": i.Port, "clusterName": i.Cluster,
		"weight": i.Weight, "healthy": i.Healthy, "instanceId": i.ID(key), "metadata": metadata(i.Meta),
	}, nil
}

// instanceV3 is the same in the words of version 3.
func (s *Server) instanceV3(q *request) (any, error) {
	key, i, err := s.asked(q)
	if err != nil {
		return nil, err
	}
	return raw(shape.AppendInstance(nil, key, i, false)), nil
}

func (s *Server) asked(q *request) (registry.ServiceKey, *registry.Instance, error) {
	key, err := q.service()
	if err != nil {
		return key, nil, err
	}
	a, err := q.address()
	if err != nil {
		return key, nil, err
	}
	i, err := s.find(q.Context(), key, a)
	return key, i, err
}
