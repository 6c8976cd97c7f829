package httpapi

import (
	"strings"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

// A route is one thing that can be asked for.
type route struct {
	methods string // several with a space between
	path    string // after the context path
	style   style
	handle  func(*Server, *request) (any, error)

	kind   string // of resource, for rights
	action nacos.Action
	admin  bool // it belongs to the operator
	free   bool // nobody is asked for rights
	always bool // it is answered in whatever state the server is
	waits  bool // it keeps its caller waiting
	// switches: it is how a switch is set, so that one which closes too much
	// can be taken back.
	switches bool
	// client returns which HTTP client it is about, where that client's own
	// server must answer.
	client func(*request) registry.ClientID
}

const anyMethod = "GET POST PUT DELETE"

// register makes the mux.
func (s *Server) register() {
	for i := range routes {
		rt := &routes[i]
		if rt.kind == "" {
			rt.kind = "naming"
		}
		for m := range strings.FieldsSeq(rt.methods) {
			s.mux.HandleFunc(m+" "+s.opts.ContextPath+rt.path, s.serve(rt, m+" "+rt.path))
		}
	}
	if s.opts.Metrics != nil {
		s.mux.Handle("GET "+s.opts.ContextPath+"/actuator/prometheus", s.opts.Metrics)
	}
	s.mux.HandleFunc("/", s.notThere)
}

// known reports whether a path is one of Nacos' own.
func known(path string) bool {
	for _, p := range knownPrefixes {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}

// knownPrefixes are parts of Nacos' API of which not all is there.
var knownPrefixes = []string{
	"/v1/cs", "/v2/cs", "/v3/admin/cs", "/v3/console/cs", "/v3/client/cs",
	"/v3/admin/ai", "/v3/console/ai", "/v1/auth", "/v3/auth", "/v1/console", "/v1/core", "/v2/core", "/v3/admin/core", "/v3/console",
}

func instanceClient(q *request) registry.ClientID {
	if !q.ephemeral() {
		return ""
	}
	port, err := q.number("port", 0)
	if err != nil || port < 0 || port > 65535 {
		return "" // it is refused here as well as there
	}
	return registry.AddressClient(q.text("ip", ""), uint16(port), true)
}
