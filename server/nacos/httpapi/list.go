package httpapi

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// listInstances is the query of 1.x clients, and what subscribes them.
func (s *Server) listInstances(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	query := registry.Query{
		Clusters: q.text("clusters", q.text("clusterName", "")), HealthyOnly: q.flag("healthyOnly", false), Consumer: q.text("clientIP", q.caller()),
	}
	if err := s.reg.CheckClusters(query.Clusters); err != nil {
		return nil, err
	}
	to, wants, err := q.udp()
	if err != nil {
		return nil, err
	}
	v, err := s.reg.Complete(q.Context(), key) // these clients replace what they have by whatever they are told
	if err != nil {
		return nil, err
	}
	form, cache := shape.FormV1, s.reg.Switches().Cache
	if wants {
		pushed, err := s.subscribe(q, to, key, query)
		if err != nil {
			return nil, err
		}
		if pushed { // it need not ask so often
			form, cache = shape.FormV1Pushed, s.reg.Switches().PushCache
		}
	}
	return raw(shape.List(v, form, query, cache)), nil
}

// subscribe has a client told of changes, and reports whether it will be.
func (s *Server) subscribe(q *request, to netip.AddrPort, key registry.ServiceKey, query registry.Query) (bool, error) {
	if s.opts.Subscribers == nil || !s.pushes(q.agent()) {
		return false, nil
	}
	return true, s.opts.Subscribers.Subscribe(to, key, query, registry.SubscriberInfo{
		Client: registry.AddressClient(to.Addr().String(), to.Port(), true), IP: to.Addr().String(), Port: int(to.Port()),
		Agent: clip(q.agent()), App: clip(q.text("app", "unknown")),
	})
}

// clip returns as much of a text as is kept of what a client calls itself, apart
// from the request that it is a part of.
func clip(s string) string { return strings.Clone(s[:min(len(s), 256)]) }

// listAdmin lists all instances of a service, also those that are taken out.
func (s *Server) listAdmin(q *request) (any, error) {
	key, v, err := s.present(q)
	if err != nil {
		return nil, err
	}
	clusters := q.text("clusterName", "")
	if err := s.reg.CheckClusters(clusters); err != nil {
		return nil, err
	}
	hosts := v.InCluster(clusters)
	if q.flag("healthyOnly", false) {
		hosts = keep(hosts, func(i *registry.Instance) bool { return i.Healthy })
	}
	return raw(shape.AppendInstances(nil, key, hosts, false)), nil
}

// listV3 is a query that answers with the instances alone.
func (s *Server) listV3(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	query := registry.Query{Clusters: q.text("clusterName", ""), HealthyOnly: q.flag("healthyOnly", false), Consumer: q.caller()}
	if err := s.reg.CheckClusters(query.Clusters); err != nil {
		return nil, err
	}
	v, err := s.reg.Complete(q.Context(), key)
	if err != nil {
		return nil, err
	}
	return raw(shape.AppendInstances(nil, key, v.Select(query).Hosts, false)), nil
}

// statuses lists addresses with their health, as ip:port_true.
func (s *Server) statuses(q *request) (any, error) {
	text := q.PathValue("key")
	if text == "" {
		var err error
		if text, err = q.required("key"); err != nil {
			return nil, err
		}
	}
	ns, name, ok := strings.Cut(text, "##")
	if !ok {
		ns, name = registry.DefaultNamespace, text
	}
	key := registry.Key(ns, "", name)
	if err := key.Validate(); err != nil {
		return nil, err
	}
	v, err := s.reg.Complete(q.Context(), key)
	if err != nil {
		return nil, err
	}
	ips := []string{}
	for _, h := range v.Hosts {
		ips = append(ips, h.Addr()+"_"+strconv.FormatBool(h.Healthy))
	}
	return object{"ips": ips}, nil
}
