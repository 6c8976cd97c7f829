package httpapi

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

func (s *Server) clientList(*request) (any, error) {
	ids := s.reg.Clients()
	if s.opts.Subscribers != nil {
		for _, a := range s.opts.Subscribers.Addresses() {
			ids = append(ids, registry.AddressClient(a.Addr().String(), a.Port(), true))
		}
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	if ids == nil {
		ids = []registry.ClientID{}
	}
	return ids, nil
}

func (s *Server) client(q *request) (registry.ClientSummary, []registry.Published, error) {
	id, err := q.required("clientId")
	if err != nil {
		return registry.ClientSummary{}, nil, err
	}
	sum, pubs, ok := s.reg.Client(registry.ClientID(id))
	if !ok {
		return sum, nil, codes.NotFound.With("clientId [ " + id + " ] not exist")
	}
	return sum, pubs, nil
}

func (s *Server) clientDetail(q *request) (any, error) {
	c, _, err := s.client(q)
	if err != nil {
		return nil, err
	}
	o := object{"clientId": c.ID, "ephemeral": c.Ephemeral, "lastUpdatedTime": c.Updated.UnixMilli()}
	if c.Connected {
		o["clientType"], o["connectType"], o["appName"], o["version"] = "connection", c.Info.Type, c.Info.App, c.Info.Version
		o["clientIp"], o["clientPort"] = c.Info.IP, c.Info.Port
	} else {
		addr, _, _ := strings.Cut(string(c.ID), "#")
		ip, port := splitAddr(addr)
		o["clientType"], o["clientIp"], o["clientPort"] = "ipPort", ip, port
	}
	return o, nil
}

func splitAddr(s string) (string, int) {
	at := strings.LastIndexByte(s, ':')
	if at < 0 {
		return s, 0
	}
	port, err := strconv.Atoi(s[at+1:])
	if err != nil {
		return s, 0
	}
	return s[:at], port
}

func published(p registry.Published, i *registry.Instance) object {
	return object{
		"namespace": p.Service.Namespace, "namespaceId": p.Service.Namespace, "group": p.Service.Group, "groupName": p.Service.Group,
		"serviceName":        p.Service.Name,
		"registeredInstance": object{"ip": i.IP, "port": i.Port, "cluster": i.Cluster},
		"publisherInfo":      object{"ip": i.IP, "port": i.Port, "clusterName": i.Cluster, "clientId": p.Client},
	}
}

func (s *Server) clientPublished(q *request) (any, error) {
	_, pubs, err := s.client(q)
	if err != nil {
		return nil, err
	}
	out := []object{}
	for _, p := range pubs {
		for n := range p.Instances {
			out = append(out, published(p, &p.Instances[n]))
		}
	}
	return out, nil
}

func (s *Server) clientSubscribed(q *request) (any, error) {
	id, err := q.required("clientId")
	if err != nil {
		return nil, err
	}
	out := []object{}
	found := false
	s.reg.EachSubscriber(func(key registry.ServiceKey, i registry.SubscriberInfo) {
		if string(i.Client) != id {
			return
		}
		found = true
		who := object{"app": i.App, "appName": i.App, "agent": i.Agent, "addr": i.IP + ":" + strconv.Itoa(i.Port)}
		out = append(out, object{
			"namespace": key.Namespace, "namespaceId": key.Namespace, "group": key.Group, "groupName": key.Group,
			"serviceName": key.Name, "subscriberInfo": who,
		})
	})
	if _, _, known := s.reg.Client(registry.ClientID(id)); !found && !known {
		return nil, codes.NotFound.With("clientId [ " + id + " ] not exist")
	}
	slices.SortFunc(out, func(a, b object) int {
		return cmp.Compare(a["serviceName"].(string), b["serviceName"].(string))
	})
	return out, nil
}

// wantsAddr reports whether a request asks for that address, or for none.
func (q *request) wantsAddr(ip string, port int) (bool, error) {
	n, err := q.number("port", 0)
	return (!q.has("ip") || q.text("ip", "") == ip) && (!q.has("port") || n == port), err
}

func (s *Server) publishers(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	out := []object{}
	svc, ok := s.reg.Lookup(key)
	if !ok {
		return out, nil
	}
	for _, p := range svc.Publishers() {
		for n := range p.Instances {
			i := &p.Instances[n]
			wanted, err := q.wantsAddr(i.IP, int(i.Port))
			if err != nil {
				return nil, err
			}
			if wanted && (!q.has("ephemeral") || q.flag("ephemeral", true) == i.Ephemeral) {
				out = append(out, object{"clientId": p.Client, "ip": i.IP, "port": i.Port, "clusterName": i.Cluster, "cluster": i.Cluster})
			}
		}
	}
	return out, nil
}

func (s *Server) subscribed(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	out := []object{}
	svc, ok := s.reg.Subscribed(key)
	if !ok {
		return out, nil
	}
	for _, sub := range svc.Subscribers() {
		i := sub.Info()
		wanted, err := q.wantsAddr(i.IP, i.Port)
		if err != nil {
			return nil, err
		}
		if wanted {
			out = append(out, object{
				"clientId": i.Client, "ip": i.IP, "port": i.Port, "address": i.IP + ":" + strconv.Itoa(i.Port), "agent": i.Agent, "appName": i.App,
				"addr": i.IP + ":" + strconv.Itoa(i.Port), "app": i.App,
			})
		}
	}
	return out, nil
}

// responsible says which server an HTTP client belongs to.
func (s *Server) responsible(q *request) (any, error) {
	a, err := q.address()
	if err != nil {
		return nil, err
	}
	return object{"responsibleServer": s.opts.Cluster.Responsible(registry.AddressClient(a.IP, a.Port, true))}, nil
}
