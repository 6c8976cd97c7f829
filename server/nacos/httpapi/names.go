package httpapi

import (
	"strings"

	"github.com/musterhq/muster/server/registry"
)

// maxNamesV2 is what version 2 gives at most of the names in one page.
const maxNamesV2 = 500

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
	size = min(size, maxNamesV2)
	if must { // clients of version 1 ask for all at once
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
		spaces = s.reg.NamespacesInUse()
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

// page is a page as version 3 has it.
func page(q *request, items any, count, size int) (any, error) {
	no, size, err := q.page(size)
	if err != nil {
		return nil, err
	}
	return object{"totalCount": count, "pageNumber": no, "pagesAvailable": (count + size - 1) / size, "pageItems": items}, nil
}
