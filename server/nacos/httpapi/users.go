package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// userRoutes ask for a token whether or not others do: who can change an
// administrator's password has all rights from the day they are asked for.
var userRoutes = []route{
	{methods: "POST", path: "/v1/auth", style: rest, handle: (*Server).createUser, free: true},
	{methods: "PUT", path: "/v1/auth", style: rest, handle: (*Server).updateUser, free: true},
	{methods: "DELETE", path: "/v1/auth", style: rest, handle: (*Server).deleteUser, free: true},
	{methods: "GET", path: "/v1/auth", handle: (*Server).listUsers, free: true},
	{methods: "GET", path: "/v1/auth/search", handle: (*Server).searchUsers, free: true},
	{methods: "POST", path: "/v1/auth/admin", style: rest, handle: (*Server).firstAdmin, free: true},
	{methods: "POST", path: "/v1/auth/users", style: rest, handle: (*Server).createUser, free: true},
	{methods: "PUT", path: "/v1/auth/users", style: rest, handle: (*Server).updateUser, free: true},
	{methods: "DELETE", path: "/v1/auth/users", style: rest, handle: (*Server).deleteUser, free: true},
	{methods: "GET", path: "/v1/auth/users", handle: (*Server).listUsers, free: true},
	{methods: "GET", path: "/v1/auth/users/search", handle: (*Server).searchUsers, free: true},
	{methods: "POST", path: "/v1/auth/users/admin", style: rest, handle: (*Server).firstAdmin, free: true},
	{methods: "POST", path: "/v3/auth/user", style: result, handle: (*Server).createUser, free: true},
	{methods: "PUT", path: "/v3/auth/user", style: result, handle: (*Server).updateUser, free: true},
	{methods: "DELETE", path: "/v3/auth/user", style: result, handle: (*Server).deleteUser, free: true},
	{methods: "GET", path: "/v3/auth/user/list", style: result, handle: (*Server).listUsers, free: true},
	{methods: "GET", path: "/v3/auth/user/search", style: result, handle: (*Server).searchUsers, free: true},
	{methods: "POST", path: "/v3/auth/user/admin", style: result, handle: (*Server).firstAdmin, free: true},
}

// users returns the users, if the caller is an administrator, or is the user
// named. Only a token counts: the name and the password among the parameters
// are what is to be set.
func (s *Server) users(q *request, orSelf string) (nacos.Users, error) {
	if s.opts.Users == nil {
		return nil, codes.Unimplemented.With("this server keeps no users")
	}
	name, admin, err := s.opts.Users.Caller(q.Context(), nacos.Credentials{Token: q.credentials().Token, RemoteAddr: q.caller()})
	switch {
	case err != nil:
		return nil, err
	case admin || orSelf != "" && name == orSelf:
		return s.opts.Users, nil
	}
	return nil, nacos.ErrForbidden
}

// secret returns a parameter as it is: a password may begin with a space.
func (q *request) secret(name string) (string, error) {
	if v := q.params.Get(name); v != "" {
		return v, nil
	}
	return "", q.missing(name)
}

func (s *Server) createUser(q *request) (any, error) {
	users, err := s.users(q, "")
	if err != nil {
		return nil, err
	}
	name, err := q.required("username")
	if err != nil {
		return nil, err
	}
	password, err := q.secret("password")
	if err != nil {
		return nil, err
	}
	err = users.CreateUser(q.Context(), name, password)
	if errors.Is(err, nacos.ErrUserExists) {
		return nil, codes.Invalid.With(fmt.Sprintf("user '%s' already exist!", name))
	}
	return "create user ok!", err
}

func (s *Server) updateUser(q *request) (any, error) {
	name, err := q.required("username")
	if err != nil {
		return nil, err
	}
	users, err := s.users(q, name)
	if err != nil {
		return nil, err
	}
	password, err := q.secret("newPassword")
	if err != nil {
		return nil, err
	}
	err = users.SetPassword(q.Context(), name, password)
	if errors.Is(err, nacos.ErrNoUser) {
		return nil, codes.Invalid.With(fmt.Sprintf("user %s not exist!", name))
	}
	return "update user ok!", err
}

func (s *Server) deleteUser(q *request) (any, error) {
	users, err := s.users(q, "")
	if err != nil {
		return nil, err
	}
	name, err := q.required("username")
	if err != nil {
		return nil, err
	}
	err = users.DeleteUser(q.Context(), name)
	if errors.Is(err, nacos.ErrUserAdmin) {
		return nil, codes.Invalid.With("cannot delete admin: " + name)
	}
	return "delete user ok!", err
}

// firstAdmin never makes one: the server has, when it started, and who comes
// first over the network is not for that reason the operator.
func (s *Server) firstAdmin(*request) (any, error) {
	if s.opts.Users != nil && len(s.opts.Users.Users()) == 0 {
		return nil, registry.ErrNotReady
	}
	c := codes.Code{HTTP: http.StatusConflict, API: http.StatusConflict, Text: "have admin user cannot use it."}
	return nil, c.With(c.Text)
}

func (s *Server) listUsers(q *request) (any, error) {
	users, err := s.users(q, "")
	if err != nil {
		return nil, err
	}
	no, size, err := q.page(100)
	if err != nil {
		return nil, err
	}
	match := func(name, pattern string) bool { return name == pattern }
	if strings.EqualFold(q.text("search", ""), "blur") {
		match = glob
	}
	names := matching(users.Users(), q.text("username", ""), match)
	first, last := registry.Page(len(names), no, size)
	items := make([]object, 0, last-first)
	for _, n := range names[first:last] {
		// Nacos showed the password's hash; the field stays for who reads it.
		items = append(items, object{"username": n, "password": ""})
	}
	return object{
		"totalCount": len(names), "pageNumber": no, "pagesAvailable": (len(names) + size - 1) / size, "pageItems": items,
	}, nil
}

func (s *Server) searchUsers(q *request) (any, error) {
	users, err := s.users(q, "")
	if err != nil {
		return nil, err
	}
	return matching(users.Users(), q.text("username", ""), strings.Contains), nil
}

// matching returns the names that match, all of them if nothing is looked for.
func matching(names []string, pattern string, match func(name, pattern string) bool) []string {
	out := []string{}
	for _, name := range names {
		if pattern == "" || match(name, pattern) {
			out = append(out, name)
		}
	}
	return out
}

// glob matches a name with a pattern in which * is anything.
func glob(name, pattern string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, first)
	if !ok || !star {
		return ok && name == ""
	}
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(name, part)
		}
		at := strings.Index(name, part)
		if at < 0 {
			return false
		}
		name, rest = name[at+len(part):], more
	}
}
