package httpapi

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// declaration reads what an operator says of a service.
func (q *request) declaration() (registry.Declaration, error) {
	var d registry.Declaration
	if t := q.text("protectThreshold", ""); t != "" {
		f, err := strconv.ParseFloat(t, 64)
		if err != nil {
			return d, &registry.InvalidError{Param: "protectThreshold", Text: "Param 'protectThreshold' is no number: " + t}
		}
		d.Threshold = f
	}
	meta, err := parseMetadata(q.text("metadata", ""))
	if err != nil {
		return d, err
	}
	d.Meta = registry.NewMetadata(meta, "")
	d.Selector, err = parseSelector(q.text("selector", ""))
	return d, err
}

func parseSelector(s string) (registry.Selector, error) {
	if s == "" {
		return registry.Selector{Type: "none"}, nil
	}
	if un, err := url.QueryUnescape(s); err == nil && strings.HasPrefix(s, "%") {
		s = un // some send it encoded twice
	}
	var in struct {
		Type       string `json:"type"`
		Expression string `json:"expression"`
	}
	if err := json.Unmarshal([]byte(s), &in); err != nil || in.Type == "" {
		return registry.Selector{}, &registry.InvalidError{Param: "selector", Text: "not match any type of selector!"}
	}
	return registry.Selector{Type: in.Type, Expression: in.Expression}, nil
}

func (s *Server) createService(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	d, err := q.declaration()
	if err != nil {
		return nil, err
	}
	// Which kind it is may be left to its first instance. Nacos makes it
	// persistent then, and refuses the ephemeral instances that most who do so
	// are about to register.
	if q.has("ephemeral") {
		d.Kind = registry.KindPersistent
		if q.flag("ephemeral", false) {
			d.Kind = registry.KindEphemeral
		}
	}
	return "ok", s.reg.Declare(q.Context(), key, d)
}

func (s *Server) updateService(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	d, err := q.declaration()
	if err != nil {
		return nil, err
	}
	return "ok", s.reg.Redeclare(q.Context(), key, d)
}

// updateServiceV1 insists on the threshold.
func (s *Server) updateServiceV1(q *request) (any, error) {
	if _, err := q.required("protectThreshold"); err != nil {
		return nil, err
	}
	return s.updateService(q)
}

func (s *Server) deleteService(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	return "ok", s.reg.Undeclare(q.Context(), key)
}

// lookup returns a service that must be there.
func (s *Server) lookup(q *request) (registry.ServiceKey, *registry.View, error) {
	key, err := q.service()
	if err != nil {
		return key, nil, err
	}
	svc, ok := s.reg.Lookup(key)
	if !ok {
		text := "service not found, namespace: " + key.Namespace + ", serviceName: " + key.Grouped()
		return key, nil, codes.Of(registry.ErrNoService).With(text)
	}
	return key, svc.View(), nil
}

func selector(d *registry.Declaration) object {
	if d == nil || d.Selector.Type != "label" {
		return object{"type": "none", "contextType": "NONE"}
	}
	return object{"type": "label", "contextType": "CMDB", "expression": d.Selector.Expression}
}

func threshold(d *registry.Declaration) float64 {
	if d == nil {
		return 0
	}
	return d.Threshold
}

func declared(d *registry.Declaration) raw {
	if d == nil {
		return raw("{}")
	}
	return metadata(d.Meta)
}

func (s *Server) serviceV1(q *request) (any, error) {
	key, v, err := s.lookup(q)
	if err != nil {
		return nil, err
	}
	clusters := []object{}
	for _, n := range clusterNames(v) {
		c := v.Declaration.Cluster(n)
		clusters = append(clusters, object{"name": n, "healthChecker": checker(c.Checker), "metadata": metadata(c.Meta)})
	}
	return object{
		"namespaceId": key.Namespace, "groupName": key.Group, "name": key.Name, "protectThreshold": threshold(v.Declaration),
		"metadata": declared(v.Declaration), "selector": selector(v.Declaration), "clusters": clusters,
	}, nil
}

func (s *Server) serviceDetail(q *request) (any, error) {
	key, v, err := s.lookup(q)
	if err != nil {
		return nil, err
	}
	clusters := object{}
	for _, n := range clusterNames(v) {
		clusters[n] = clusterDetail(v, n)
	}
	return object{
		"namespace": key.Namespace, "namespaceId": key.Namespace, "serviceName": key.Name, "groupName": key.Group, "clusterMap": clusters,
		"metadata": declared(v.Declaration), "protectThreshold": threshold(v.Declaration),
		"selector": selector(v.Declaration), "ephemeral": v.Kind != registry.KindPersistent,
	}, nil
}

func (s *Server) selectorTypes(*request) (any, error) { return []string{"none", "label"}, nil }
