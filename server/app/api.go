package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
)

// mux has the door's routes, and the server's own:
//
//	/livez                  ok: the process answers
//	/readyz                 ok, or 503 and why not; ?verbose says more
//	/metrics                counters for Prometheus
//	/muster/v1/members      the servers, see package admin for the shapes
//	/muster/v1/raft         the state of Raft, of each server that answers
//	/muster/v1/clients      clients in order, ?after=ID&limit=N
//	/muster/v1/clients/ID   one client
func (s *Server) mux() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { writeText(w, http.StatusOK, "ok\n") })
	m.HandleFunc("GET /readyz", s.readyz)
	m.HandleFunc("GET /muster/v1/members", s.operator(s.showMembers))
	m.HandleFunc("GET /muster/v1/raft", s.operator(s.showRaft))
	m.HandleFunc("GET /muster/v1/clients", s.operator(s.showClients))
	m.HandleFunc("GET /muster/v1/clients/{id}", s.operator(s.showClient))
	m.Handle("GET /metrics", s.metrics.handler())
	m.Handle("/", s.door)
	return m
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	err := s.Ready()
	if r.URL.Query().Has("verbose") {
		status := http.StatusOK
		if err != nil {
			status = http.StatusServiceUnavailable
		}
		text := fmt.Sprintf("phase: %s\nraft: %s\nregistry: %s\npushing: %t\nservers: %d\n",
			okOr(s.phase.get()), okOr(s.raft.Ready()), s.reg.Status(), s.reg.Verified(), len(s.members.others())+1)
		writeText(w, status, text)
		return
	}
	if err != nil {
		writeText(w, http.StatusServiceUnavailable, err.Error()+"\n")
		return
	}
	writeText(w, http.StatusOK, "ok\n")
}

func okOr(err error) string {
	if err == nil {
		return "ok"
	}
	return err.Error()
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // the client went away: nobody to tell
}

// operator makes a handler of what only operators may ask.
func (s *Server) operator(f func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := s.admit(r)
		var v any
		if err == nil {
			v, err = f(r)
		}
		var b []byte
		if err == nil {
			b, err = json.Marshal(v)
		}
		if err != nil {
			c := codes.Of(err)
			b, _ = json.Marshal(map[string]any{"code": c.API, "message": c.Text, "data": err.Error()}) // of strings and a number
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.HTTP)
			_, _ = w.Write(append(b, '\n')) // the client went away: nobody to tell
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(b, '\n')) // the client went away: nobody to tell
	}
}

// admit asks whether the caller is an operator.
func (s *Server) admit(r *http.Request) error {
	token := r.URL.Query().Get("accessToken")
	if token == "" {
		token = r.Header.Get("accessToken")
	}
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && token == "" {
		token = bearer
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return s.auth.Check(r.Context(), nacos.Credentials{Token: token, RemoteAddr: host}, nacos.Resource{Type: "console", Admin: true}, nacos.Read)
}

// setLogLevel sets how much is logged. There is one logger.
func (s *Server) setLogLevel(_, level string) error {
	if s.opts.Level == nil {
		return codes.Unimplemented.With("the log level of this server cannot be set")
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return codes.Invalid.With("log level is DEBUG, INFO, WARN or ERROR, not " + level)
	}
	s.opts.Level.Set(l)
	return nil
}
