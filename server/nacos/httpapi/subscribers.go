package httpapi

import (
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/registry"
)

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
	list, count, err := s.subscriberList(q, 1000)
	return object{"subscribers": list, "count": count}, err
}

func (s *Server) subscribersV3(q *request) (any, error) {
	list, count, err := s.subscriberList(q, 100)
	if err != nil {
		return nil, err
	}
	return page(q, list, count, 100)
}
