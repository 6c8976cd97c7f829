package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
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
	if _, err := s.find(key, a); err != nil {
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
func (s *Server) find(key registry.ServiceKey, a registry.InstanceKey) (*registry.Instance, error) {
	v := s.reg.View(key)
	if len(v.Hosts) == 0 {
		return nil, codes.NotFound.With("no ips found for cluster " + a.Cluster + " in service " + key.Grouped())
	}
	if i := v.Find(a); i != nil {
		return i, nil
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
	i, err := s.find(key, a)
	return key, i, err
}

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
	form, cache := shape.FormV1, s.reg.Switches().Cache
	if wants {
		if !s.reg.Verified() {
			// These clients replace what they have by whatever they are told.
			return answered{status: http.StatusServiceUnavailable, value: "server is STARTING now, please try again later!"}, nil
		}
		pushed, err := s.subscribe(q, to, key, query)
		if err != nil {
			return nil, err
		}
		if pushed { // it need not ask so often
			form, cache = shape.FormV1Pushed, s.reg.Switches().PushCache
		}
	}
	return raw(shape.List(s.reg.View(key), form, query, cache)), nil
}

// subscribe has a client told of changes, and reports whether it will be.
func (s *Server) subscribe(q *request, to netip.AddrPort, key registry.ServiceKey, query registry.Query) (bool, error) {
	if s.opts.Subscribers == nil || !s.pushes(q.agent()) {
		return false, nil
	}
	return true, s.opts.Subscribers.Subscribe(to, key, query, registry.SubscriberInfo{
		Client: registry.AddressClient(to.Addr().String(), to.Port(), true), IP: to.Addr().String(), Port: int(to.Port()),
		Agent: q.agent(), App: q.text("app", "unknown"),
	})
}

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
	return raw(appendInstances(nil, key, hosts)), nil
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
	return raw(appendInstances(nil, key, s.reg.View(key).Select(query).Hosts)), nil
}

func appendInstances(b []byte, key registry.ServiceKey, hosts []*registry.Instance) []byte {
	b = append(b, '[')
	for n, h := range hosts {
		if n > 0 {
			b = append(b, ',')
		}
		b = shape.AppendInstance(b, key, h, false)
	}
	return append(b, ']')
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
	ips := []string{}
	for _, h := range s.reg.View(key).Hosts {
		ips = append(ips, h.Addr()+"_"+strconv.FormatBool(h.Healthy))
	}
	return object{"ips": ips}, nil
}
