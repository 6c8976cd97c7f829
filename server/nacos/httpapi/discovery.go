package httpapi

import (
	"net"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/registry"
)

// What Prometheus' HTTP service discovery asks for.

func (s *Server) targets(q *request) (any, error) {
	spaces := []string{q.PathValue("namespaceId")}
	if spaces[0] == "" {
		spaces = s.reg.NamespacesInUse()
	}
	out := []object{}
	for _, ns := range spaces {
		for _, svc := range s.reg.Services(ns) {
			if want := q.PathValue("service"); want != "" && svc.Key().Name != want && svc.Key().Grouped() != want {
				continue
			}
			for _, h := range svc.View().Hosts {
				out = append(out, target(h))
			}
		}
	}
	return out, nil
}

func target(h *registry.Instance) object {
	labels := map[string]string{"__meta_clusterName": h.Cluster}
	for k, v := range h.Meta.Map() {
		labels[strings.NewReplacer(".", "_", "-", "_").Replace(k)] = v
	}
	return object{"targets": []string{net.JoinHostPort(h.IP, strconv.Itoa(int(h.Port)))}, "labels": labels}
}

// serverList is what an address server answers: clients with an endpoint take
// their servers from it.
func (s *Server) serverList(q *request) (any, error) {
	var b strings.Builder
	for _, m := range s.opts.Cluster.Members() {
		b.WriteString(address(m.IP, m.Port))
		b.WriteByte('\n')
	}
	return b.String(), nil
}
