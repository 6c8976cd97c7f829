package httpapi

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// ServeHTTP answers a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// serve makes the http.Handler of a route.
func (s *Server) serve(rt *route, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		status := s.do(w, r, rt)
		s.opts.Requests(name, status, time.Since(begin))
	}
}

func (s *Server) do(w http.ResponseWriter, r *http.Request, rt *route) int {
	// Those who are kept waiting are counted apart: they are many, do nothing,
	// and must not keep out who wants an answer.
	places := s.inFlight
	if rt.waits {
		places = s.waiting
	}
	select {
	case places <- struct{}{}:
		defer func() { <-places }()
	default:
		return writeBytes(w, http.StatusServiceUnavailable, "text/plain;charset=UTF-8", []byte("server is overloaded, please try again later!"))
	}
	if status, text := s.closed(r, rt); status != 0 {
		return writeBytes(w, status, "text/plain;charset=UTF-8", []byte(text))
	}
	q, err := s.parse(w, r)
	defer s.release(q)
	if err == nil {
		q.style = rt.style
		err = s.check(q, rt)
	}
	if err != nil {
		return s.writeError(w, rt.style, err)
	}
	return s.answer(w, r, q, rt)
}

// answer answers a request that may be, here or where it belongs.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, q *request, rt *route) int {
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.Timeout)
	defer cancel()
	q.Request = r.WithContext(ctx)
	if rt.client != nil {
		if elsewhere := s.opts.Route(rt.client(q)); elsewhere != nil {
			seen := &statusWriter{ResponseWriter: w, status: http.StatusOK}
			elsewhere.ServeHTTP(seen, r)
			return seen.status
		}
	}
	if err := s.catchUp(q); err != nil {
		return s.writeError(w, rt.style, err)
	}
	v, err := rt.handle(s, q)
	if err != nil {
		return s.writeError(w, rt.style, err)
	}
	return s.write(w, rt.style, v)
}

// statusWriter notes the status that another server has answered with.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader passes the status on.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// catchUp returns when a read that asks for it, with linearizable=true, sees all
// that was agreed on before it came. Without a majority of the servers that is an
// error. Other reads are of what this server has.
func (s *Server) catchUp(q *request) error {
	if q.Method != http.MethodGet || !q.flag("linearizable", false) {
		return nil
	}
	if err := s.reg.Linearizable(q.Context()); err != nil {
		return codes.NotReady.With("a linearizable read needs a majority of the servers: " + err.Error())
	}
	return nil
}

// closed says with which status and text a request is turned away, because of
// what this server is, or what an operator has said of the path.
func (s *Server) closed(r *http.Request, rt *route) (status int, text string) {
	sw := s.reg.Switches()
	for prefix, status := range sw.LimitedURLs {
		if strings.HasPrefix(r.URL.Path, prefix) && !rt.switches {
			return status, ""
		}
	}
	if rt.always {
		return 0, ""
	}
	is := s.reg.Status()
	read := r.Method == http.MethodGet
	switch {
	case is == "UP", is == "WRITE_ONLY" && !read, is == "READ_ONLY" && read:
		return 0, ""
	}
	return http.StatusServiceUnavailable, "server is " + is + " now, please try again later!"
}

// check asks whether the caller may.
func (s *Server) check(q *request, rt *route) error {
	if rt.free || !s.opts.Access.Enabled() {
		return nil
	}
	name := q.text("serviceName", "")
	key := registry.Key(q.namespace(), q.text("groupName", ""), name)
	res := nacos.Resource{Namespace: key.Namespace, Group: key.Group, Name: key.Name, Type: rt.kind, Admin: rt.admin}
	action := nacos.Read
	if q.Method != http.MethodGet {
		action = nacos.Write
	}
	if rt.action != "" {
		action = rt.action
	}
	return s.opts.Access.Check(q.Context(), q.credentials(), res, action)
}

func (q *request) credentials() nacos.Credentials {
	token := q.text("accessToken", "")
	if token == "" {
		token = q.Header.Get("accessToken")
	}
	if bearer, ok := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = bearer
	}
	return nacos.Credentials{
		Token: token, User: q.text("username", ""), Password: q.text("password", ""), RemoteAddr: q.caller(),
	}
}

// notThere answers for all other paths. Nothing is done by a route that is
// not there, and none answers as if.
func (s *Server) notThere(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, s.opts.ContextPath)
	text := "no such api:" + r.Method + ":" + r.URL.Path
	status := 0
	switch {
	case known(path): // Nacos has it
		if strings.HasPrefix(path, "/v1/") {
			status = writeBytes(w, codes.Unimplemented.HTTP, "text/plain;charset=UTF-8", []byte("caused: "+text+" is not implemented;"))
		} else {
			status = s.writeError(w, result, codes.Unimplemented.With(text+" is not implemented"))
		}
	case strings.HasPrefix(path, "/v1/ns/"):
		status = writeBytes(w, http.StatusNotImplemented, "text/plain;charset=UTF-8", []byte(text))
	default:
		status = s.writeError(w, result, codes.NotFound.With(text))
	}
	s.opts.Requests("none", status, 0)
}
