package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// What the console is told of services.

// search returns the services that a request names a part of.
func (s *Server) search(q *request, notEmpty bool) []*registry.Service {
	all := s.reg.SearchServices(q.namespace(), q.text("groupNameParam", ""), q.text("serviceNameParam", ""))
	if !notEmpty {
		return all
	}
	var out []*registry.Service
	for _, svc := range all {
		if len(svc.View().Hosts) > 0 {
			out = append(out, svc)
		}
	}
	return out
}

// catalogPage returns a page of services, and how many there are.
func (s *Server) catalogPage(q *request, notEmpty bool, size int) ([]*registry.Service, int, error) {
	no, size, err := q.page(size)
	if err != nil {
		return nil, 0, err
	}
	all := s.search(q, notEmpty)
	first, last := registry.Page(len(all), no, size)
	return all[first:last], len(all), nil
}

func (s *Server) catalogServices(q *request) (any, error) {
	if q.flag("withInstances", false) {
		return s.detailed(q)
	}
	list, count, err := s.catalogPage(q, q.flag("hasIpCount", false), 20)
	if err != nil {
		return nil, err
	}
	return object{"serviceList": overviews(list), "count": count}, nil
}

func (s *Server) serviceListV3(q *request) (any, error) {
	if q.flag("withInstances", false) {
		list, count, err := s.catalogPage(q, false, 100)
		if err != nil {
			return nil, err
		}
		return page(q, details(list, instanceObject), count, 100)
	}
	list, count, err := s.catalogPage(q, q.flag("ignoreEmptyService", false), 100)
	if err != nil {
		return nil, err
	}
	return page(q, overviews(list), count, 100)
}

func overviews(list []*registry.Service) []object {
	out := []object{}
	for _, svc := range list {
		v := svc.View()
		out = append(out, object{
			"name": v.Service.Name, "groupName": v.Service.Group, "clusterCount": len(v.Clusters()), "ipCount": len(v.Hosts),
			"healthyInstanceCount": v.Healthy(), "triggerFlag": strconv.FormatBool(v.Protected()),
		})
	}
	return out
}

// detailed lists services with their instances, in the words of version 1.
func (s *Server) detailed(q *request) (any, error) {
	list, _, err := s.catalogPage(q, false, 20)
	return details(list, hostObject), err
}

func hostObject(_ registry.ServiceKey, h *registry.Instance) any {
	return object{
		"ip": h.IP, "port": h.Port, "enabled": h.Enabled, "valid": h.Healthy, "weight": h.Weight, "metadata": metadata(h.Meta),
	}
}

func instanceObject(key registry.ServiceKey, h *registry.Instance) any {
	return raw(shape.AppendInstance(nil, key, h, false))
}

// details describes services with their instances, each in the given form.
func details(list []*registry.Service, form func(registry.ServiceKey, *registry.Instance) any) []object {
	out := []object{}
	for _, svc := range list {
		v := svc.View()
		hosts := map[string][]any{} // by cluster
		for _, h := range v.Hosts {
			hosts[h.Cluster] = append(hosts[h.Cluster], form(v.Service, h))
		}
		clusters := object{}
		for name, list := range hosts {
			clusters[name] = object{"clusterName": name, "hosts": list}
		}
		out = append(out, object{
			"serviceName": v.Service.Name, "groupName": v.Service.Group, "clusterMap": clusters, "metadata": declared(v.Declaration),
		})
	}
	return out
}

// present is lookup with the words that the console is told.
func (s *Server) present(q *request) (registry.ServiceKey, *registry.View, error) {
	key, err := q.service()
	if err != nil {
		return key, nil, err
	}
	svc, ok := s.reg.Lookup(key)
	if !ok {
		return key, nil, codes.NotFound.With("service " + key.Grouped() + " is not found!")
	}
	return key, svc.View(), nil
}

func (s *Server) catalogService(q *request) (any, error) {
	key, v, err := s.present(q)
	if err != nil {
		return nil, err
	}
	clusters := []object{}
	for _, n := range clusterNames(v) {
		c := v.Declaration.Cluster(n)
		clusters = append(clusters, object{
			"name": n, "serviceName": key.Grouped(), "healthChecker": checker(c.Checker), "metadata": metadata(c.Meta),
			"defaultPort": 80, "defaultCheckPort": c.CheckPort, "useIPPort4Check": c.UseInstancePort,
		})
	}
	return object{
		"service": object{
			"name": key.Name, "groupName": key.Group, "namespaceId": key.Namespace, "protectThreshold": threshold(v.Declaration),
			"metadata": declared(v.Declaration), "selector": selector(v.Declaration),
		},
		"clusters": clusters,
	}, nil
}

// instancePage returns a page of a service's instances, and how many there are.
func (s *Server) instancePage(q *request, cluster string, size int) (raw, int, error) {
	key, v, err := s.present(q)
	if err != nil {
		return nil, 0, err
	}
	if cluster != "" && !slices.Contains(clusterNames(v), cluster) {
		return nil, 0, codes.NotFound.With("cluster " + cluster + " is not found!")
	}
	hosts := v.InCluster(cluster)
	if q.has("healthyOnly") && q.flag("healthyOnly", false) {
		hosts = keep(hosts, func(i *registry.Instance) bool { return i.Healthy })
	}
	if q.has("enabledOnly") && q.flag("enabledOnly", false) {
		hosts = keep(hosts, func(i *registry.Instance) bool { return i.Enabled })
	}
	no, size, err := q.page(size)
	if err != nil {
		return nil, 0, err
	}
	hosts = slices.Clone(hosts)
	slices.SortFunc(hosts, func(a, b *registry.Instance) int { return strings.Compare(a.Addr(), b.Addr()) })
	first, last := registry.Page(len(hosts), no, size)
	return raw(shape.AppendInstances(nil, key, hosts[first:last], false)), len(hosts), nil
}

func keep(in []*registry.Instance, f func(*registry.Instance) bool) []*registry.Instance {
	var out []*registry.Instance
	for _, i := range in {
		if f(i) {
			out = append(out, i)
		}
	}
	return out
}

func (s *Server) catalogInstances(q *request) (any, error) {
	cluster, err := q.required("clusterName")
	if err != nil {
		return nil, err
	}
	list, count, err := s.instancePage(q, cluster, 20)
	return object{"list": list, "count": count}, err
}

// catalogInstancesV2 knows no service that is not there: it has no instances.
func (s *Server) catalogInstancesV2(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	if _, ok := s.reg.Lookup(key); !ok {
		return object{"instances": []object{}, "count": 0}, nil
	}
	list, count, err := s.instancePage(q, q.text("clusterName", ""), 20)
	return object{"instances": list, "count": count}, err
}

func (s *Server) consoleInstances(q *request) (any, error) {
	list, count, err := s.instancePage(q, q.text("clusterName", ""), 100)
	if err != nil {
		return nil, err
	}
	return page(q, list, count, 100)
}
