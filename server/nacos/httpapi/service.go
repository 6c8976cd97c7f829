package httpapi

import (
	"encoding/json"
	"net/url"
	"slices"
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

// clusterNames are those that have instances, and those that have settings.
func clusterNames(v *registry.View) []string {
	names := v.Clusters()
	if v.Declaration != nil {
		for n := range v.Declaration.Clusters {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func checker(c registry.Checker) object {
	o := object{"type": c.Type}
	switch c.Type {
	case registry.CheckHTTP:
		o["path"], o["headers"], o["expectedResponseCode"] = c.Path, c.Headers, c.ExpectedCode
	case registry.CheckMySQL:
		o["user"], o["pwd"], o["cmd"] = c.User, "", c.Command // a password is not shown
	}
	return o
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

func clusterDetail(v *registry.View, n string) object {
	c := v.Declaration.Cluster(n)
	return object{
		"clusterName": n, "healthChecker": checker(c.Checker), "metadata": metadata(c.Meta),
		"healthyCheckPort": c.CheckPort, "useInstancePortForCheck": c.UseInstancePort, "hosts": nil,
	}
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

// names returns a page of service names.
func (s *Server) names(q *request, must bool) ([]string, int, error) {
	if must {
		for _, p := range []string{"pageNo", "pageSize"} {
			if _, err := q.required(p); err != nil {
				return nil, 0, err
			}
		}
	}
	no, size, err := q.page(20)
	if err != nil {
		return nil, 0, err
	}
	if must { // clients ask for all at once
		if size, err = q.number("pageSize", size); err != nil {
			return nil, 0, err
		}
	}
	names, count := s.reg.ServiceNames(q.namespace(), q.text("groupName", registry.DefaultGroup), no, size)
	if names == nil {
		names = []string{}
	}
	return names, count, nil
}

func (s *Server) serviceListV1(q *request) (any, error) {
	names, count, err := s.names(q, true)
	return object{"count": count, "doms": names}, err
}

func (s *Server) serviceListV2(q *request) (any, error) {
	names, count, err := s.names(q, false)
	return object{"count": count, "services": names}, err
}

// serviceNames searches all namespaces, or one.
func (s *Server) serviceNames(q *request) (any, error) {
	spaces := []string{q.text("namespaceId", "")}
	if spaces[0] == "" {
		spaces = nil
		for _, n := range s.reg.Namespaces() {
			spaces = append(spaces, n.ID)
		}
	}
	expr := q.text("expr", "")
	found, count := map[string][]string{}, 0
	for _, ns := range spaces {
		names := []string{}
		for _, svc := range s.reg.Services(ns) {
			if g := svc.Key().Grouped(); strings.Contains(g, expr) {
				names = append(names, g)
			}
		}
		found[ns] = names
		count += len(names)
	}
	return object{"META-INF/services": found, "count": count}, nil
}

// subscriberList returns who is subscribed to a service, at all servers unless
// the request says that it wants to know of this one.
func (s *Server) subscriberList(q *request, size int) ([]object, int, error) {
	key, err := q.service()
	if err != nil {
		return nil, 0, err
	}
	no, size, err := q.page(size)
	if err != nil {
		return nil, 0, err
	}
	var all []registry.SubscriberInfo
	if svc, ok := s.reg.Subscribed(key); ok {
		for _, sub := range svc.Subscribers() {
			all = append(all, sub.Info())
		}
	}
	if q.flag("aggregation", true) {
		all = append(all, s.opts.Cluster.Subscribers(q.Context(), key)...)
	}
	slices.SortFunc(all, func(a, b registry.SubscriberInfo) int { return strings.Compare(string(a.Client), string(b.Client)) })
	first, last := registry.Page(len(all), no, size)
	out := []object{}
	for _, i := range all[first:last] {
		out = append(out, object{
			"addrStr": i.IP + ":" + strconv.Itoa(i.Port), "agent": i.Agent, "app": i.App, "appName": i.App, "ip": i.IP, "port": i.Port,
			"namespaceId": key.Namespace, "serviceName": key.Grouped(), "groupName": key.Group, "cluster": i.Clusters,
		})
	}
	return out, len(all), nil
}

func (s *Server) subscribersV1(q *request) (any, error) {
	list, count, err := s.subscriberList(q, registry.MaxPage)
	return object{"subscribers": list, "count": count}, err
}

func (s *Server) subscribersV3(q *request) (any, error) {
	list, count, err := s.subscriberList(q, 100)
	if err != nil {
		return nil, err
	}
	return page(q, list, count, 100)
}

// page is a page as version 3 has it.
func page(q *request, items any, count, size int) (any, error) {
	no, size, err := q.page(size)
	if err != nil {
		return nil, err
	}
	return object{"totalCount": count, "pageNumber": no, "pagesAvailable": (count + size - 1) / size, "pageItems": items}, nil
}

func (s *Server) selectorTypes(*request) (any, error) { return []string{"none", "label"}, nil }

// setCluster changes the settings of a cluster.
func (s *Server) setCluster(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	name, err := q.required("clusterName")
	if err != nil {
		return nil, err
	}
	port, err := q.required("checkPort")
	if err != nil {
		return nil, err
	}
	use, err := q.required("useInstancePort4Check")
	if err != nil {
		return nil, err
	}
	check, err := q.required("healthChecker")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, &registry.InvalidError{Param: "port", Text: "Param 'checkPort' is illegal, the value should be between 0 and 65535."}
	}
	meta, err := parseMetadata(q.text("metadata", ""))
	if err != nil {
		return nil, err
	}
	c := registry.Cluster{CheckPort: uint16(n), UseInstancePort: truth(use, false), Meta: registry.NewMetadata(meta, "")}
	if c.Checker, err = parseChecker(check); err != nil {
		return nil, err
	}
	return "ok", s.reg.SetCluster(q.Context(), key, name, c)
}

func parseChecker(s string) (registry.Checker, error) {
	var in struct {
		Type     string `json:"type"`
		Path     string `json:"path"`
		Headers  string `json:"headers"`
		Expected int    `json:"expectedResponseCode"`
		User     string `json:"user"`
		Password string `json:"pwd"`
		Command  string `json:"cmd"`
	}
	if err := json.Unmarshal([]byte(s), &in); err != nil {
		return registry.Checker{}, codes.Invalid.With("healthChecker: " + err.Error())
	}
	c := registry.Checker{
		Type: strings.ToUpper(in.Type), Path: in.Path, Headers: in.Headers, ExpectedCode: in.Expected,
		User: in.User, Password: in.Password, Command: in.Command,
	}
	if c.Type == registry.CheckHTTP && c.ExpectedCode == 0 {
		c.ExpectedCode = 200
	}
	if c.ExpectedCode < 0 || c.ExpectedCode > 999 {
		return c, codes.Invalid.With("healthChecker: expectedResponseCode")
	}
	return c, nil
}
