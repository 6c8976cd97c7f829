package httpapi

import (
	"errors"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// Kinds of namespaces, as the console knows them.
const (
	namespaceDefault = 0
	namespaceCustom  = 2
)

func namespaceObject(n registry.Namespace, v1 bool) object {
	kind, id := namespaceCustom, n.ID
	if n.ID == registry.DefaultNamespace {
		kind = namespaceDefault
		if v1 {
			id = "" // as the default one was called then
		}
	}
	return object{
		"namespace": id, "namespaceShowName": n.Name, "namespaceDesc": n.Description, "quota": 200, "configCount": 0, "type": kind,
	}
}

func (s *Server) namespaces(v1 bool) []object {
	out := []object{}
	for _, n := range s.reg.Namespaces() {
		out = append(out, namespaceObject(n, v1))
	}
	return out
}

// namespacesV1 is three things by one path.
func (s *Server) namespacesV1(q *request) (any, error) {
	bare := plain
	switch {
	case q.flag("checkNamespaceIdExist", false):
		return answered{value: s.namespaceExists(q.text("customNamespaceId", "")), style: &bare}, nil
	case q.text("show", "") == "all":
		n, err := s.reg.Namespace(q.text("namespaceId", ""))
		if err != nil {
			return nil, err
		}
		return answered{value: namespaceObject(n, true), style: &bare}, nil
	}
	return s.namespaces(true), nil
}

func (s *Server) namespaceExists(id string) bool {
	if id == "" {
		return false
	}
	_, err := s.reg.Namespace(id)
	return err == nil
}

// createNamespaceV1 answers true or false, and says why only by the second.
func (s *Server) createNamespaceV1(q *request) (any, error) {
	name, err := q.required("namespaceName")
	if err != nil {
		return nil, err
	}
	_, err = s.reg.CreateNamespace(q.Context(), registry.Namespace{
		ID: q.text("customNamespaceId", ""), Name: name, Description: q.text("namespaceDesc", ""),
	})
	return yes(err)
}

// yes is true for success, false for what the caller has done wrong.
func yes(err error) (any, error) {
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, registry.ErrInvalid), errors.Is(err, registry.ErrNamespaceExists), errors.Is(err, registry.ErrNoNamespace):
		return false, nil
	}
	return nil, err
}

func (s *Server) updateNamespaceV1(q *request) (any, error) {
	id, err := q.required("namespace")
	if err != nil {
		return nil, err
	}
	name, err := q.required("namespaceShowName")
	if err != nil {
		return nil, err
	}
	return yes(s.reg.UpdateNamespace(q.Context(), registry.Namespace{ID: id, Name: name, Description: q.text("namespaceDesc", "")}))
}

func (s *Server) deleteNamespaceV1(q *request) (any, error) {
	id, err := q.required("namespaceId")
	if err != nil {
		return nil, err
	}
	err = s.reg.RemoveNamespace(q.Context(), id)
	if errors.Is(err, registry.ErrNoNamespace) && id != registry.DefaultNamespace {
		return true, nil // it is not there, which is what was asked for
	}
	return yes(err)
}

func (s *Server) namespaceList(*request) (any, error) { return s.namespaces(false), nil }

func (s *Server) namespaceDetail(q *request) (any, error) {
	id, err := q.required("namespaceId")
	if err != nil {
		return nil, err
	}
	n, err := s.reg.Namespace(id)
	if err != nil {
		return nil, codes.Of(err).With("namespaceId [ " + id + " ] not exist")
	}
	return namespaceObject(n, false), nil
}

// createNamespace takes the id by the names of versions 2 and 3.
func (s *Server) createNamespace(q *request) (any, error) {
	name, err := q.required("namespaceName")
	if err != nil {
		return nil, err
	}
	_, err = s.reg.CreateNamespace(q.Context(), registry.Namespace{
		ID: q.text("customNamespaceId", q.text("namespaceId", "")), Name: name, Description: q.text("namespaceDesc", ""),
	})
	return true, err
}

func (s *Server) updateNamespace(q *request) (any, error) {
	id, err := q.required("namespaceId")
	if err != nil {
		return nil, err
	}
	name, err := q.required("namespaceName")
	if err != nil {
		return nil, err
	}
	return true, s.reg.UpdateNamespace(q.Context(), registry.Namespace{ID: id, Name: name, Description: q.text("namespaceDesc", "")})
}

func (s *Server) deleteNamespace(q *request) (any, error) {
	id, err := q.required("namespaceId")
	if err != nil {
		return nil, err
	}
	if err = s.reg.RemoveNamespace(q.Context(), id); errors.Is(err, registry.ErrNoNamespace) && id != registry.DefaultNamespace {
		err = nil // it is not there, which is what was asked for
	}
	return true, err
}

func (s *Server) checkNamespace(q *request) (any, error) {
	id, err := q.required("namespaceId")
	if err != nil {
		return nil, err
	}
	if s.namespaceExists(strings.TrimSpace(id)) {
		return 1, nil
	}
	return 0, nil
}

func (s *Server) existsNamespace(q *request) (any, error) {
	id, err := q.required("customNamespaceId")
	if err != nil {
		return nil, err
	}
	return s.namespaceExists(id), nil
}
