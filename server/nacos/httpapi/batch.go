package httpapi

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// batch reads which instances of a service are meant: those that are named
// and there, all if none is named.
func (s *Server) batch(q *request) (registry.ServiceKey, []*registry.Instance, error) {
	key, err := q.service()
	if err != nil {
		return key, nil, err
	}
	v := s.reg.View(key)
	text := q.text("instances", "")
	if text == "" {
		return key, v.Hosts, nil
	}
	var named []shape.Instance
	if err := json.Unmarshal([]byte(text), &named); err != nil {
		return key, nil, codes.Invalid.With("instances: " + err.Error())
	}
	var out []*registry.Instance
	for _, n := range named {
		i, err := n.To(key)
		if err != nil {
			return key, nil, err
		}
		if i.Cluster == "" {
			i.Cluster = registry.DefaultCluster
		}
		if h := v.Find(i.Key()); h != nil && !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return key, out, nil
}

func (s *Server) patchBatch(q *request, p registry.Patch) (any, error) {
	key, list, err := s.batch(q)
	if err != nil {
		return nil, err
	}
	updated := []string{}
	keys := make([]registry.InstanceKey, 0, len(list))
	for _, i := range list {
		kind := "persist"
		if i.Ephemeral {
			kind = "ephemeral"
		}
		keys = append(keys, i.Key())
		updated = append(updated, i.IP+":"+strconv.Itoa(int(i.Port))+":unknown:"+i.Cluster+":"+kind)
	}
	if len(keys) > 0 {
		if err := s.reg.PatchInstances(q.Context(), key, keys, p); err != nil {
			return nil, err
		}
	}
	return object{"updated": updated}, nil
}

func (s *Server) updateBatch(q *request) (any, error) {
	text, err := q.required("metadata")
	if err != nil {
		return nil, err
	}
	set, err := parseMetadata(text)
	if err != nil {
		return nil, err
	}
	return s.patchBatch(q, registry.Patch{Set: set})
}

func (s *Server) deleteBatch(q *request) (any, error) {
	text, err := q.required("metadata")
	if err != nil {
		return nil, err
	}
	set, err := parseMetadata(text)
	if err != nil {
		return nil, err
	}
	p := registry.Patch{}
	for k := range set {
		p.Unset = append(p.Unset, k)
	}
	slices.Sort(p.Unset)
	return s.patchBatch(q, p)
}
