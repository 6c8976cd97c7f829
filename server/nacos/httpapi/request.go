package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// A request is what a handler is given: parameters are those of the query and
// of the form together, for clients send them here and there.
type request struct {
	*http.Request
	params url.Values
	body   []byte // of a JSON request
	held   int64  // of the room for bodies
	server *Server
	style  style
	// patience ends when the caller goes away; the request's own context
	// also ends when the time for a request is over.
	patience context.Context
}

func (s *Server) parse(w http.ResponseWriter, r *http.Request) (*request, error) {
	q := &request{Request: r, server: s, patience: r.Context()}
	var err error
	if q.params, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return q, codes.Invalid.With("query: " + err.Error())
	}
	if r.Body == nil || r.ContentLength == 0 {
		return q, nil
	}
	if err := s.hold(q); err != nil {
		return q, err
	}
	q.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, s.opts.MaxBody))
	if err != nil {
		return q, codes.Invalid.With("body: " + err.Error())
	}
	// So that it can be passed on to another server.
	r.Body = io.NopCloser(bytes.NewReader(q.body))
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return q, codes.MediaType.With("Content-Type: " + err.Error())
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return q, q.addForm(string(q.body))
	case "", "text/plain": // what some clients say when they mean a form
		if bytes.IndexByte(q.body, '=') > 0 && !json.Valid(q.body) {
			return q, q.addForm(string(q.body))
		}
	case "multipart/form-data":
		return q, q.addParts(params["boundary"])
	}
	return q, nil
}

func (q *request) addForm(s string) error {
	form, err := url.ParseQuery(s)
	if err != nil {
		return codes.Invalid.With("form: " + err.Error())
	}
	for k, v := range form {
		q.params[k] = append(q.params[k], v...)
	}
	return nil
}

// hold takes room for a request's body, as long as it says it is, until the
// request is answered: many long ones at a time are not to fill the memory.
func (s *Server) hold(q *request) error {
	need := min(q.ContentLength, s.opts.MaxBody)
	if q.ContentLength < 0 { // it does not say
		need = s.opts.MaxBody
	}
	if s.bodies.Add(need) > s.opts.MaxBodies {
		s.bodies.Add(-need)
		return codes.Threshold.With("server is overloaded, please try again later!")
	}
	q.held = need
	return nil
}

func (s *Server) release(q *request) {
	s.bodies.Add(-q.held)
	q.held = 0
}

// forget lets go of all that a request has said.
func (q *request) forget() {
	q.server.release(q)
	q.params, q.body, q.Body = nil, nil, http.NoBody
}

func (q *request) addParts(boundary string) error {
	c := q.Clone(q.Context())
	c.Body = io.NopCloser(bytes.NewReader(q.body))
	if boundary == "" {
		return codes.MediaType.With("multipart form without a boundary")
	}
	if err := c.ParseMultipartForm(q.server.opts.MaxBody); err != nil {
		return codes.Invalid.With("form: " + err.Error())
	}
	defer func() { _ = c.MultipartForm.RemoveAll() }() // temporary files, there are none below MaxBody
	for k, v := range c.MultipartForm.Value {
		q.params[k] = append(q.params[k], v...)
	}
	return nil
}

// text returns a parameter, or what is said in its place.
func (q *request) text(name, otherwise string) string {
	if v := strings.TrimSpace(q.params.Get(name)); v != "" {
		return v
	}
	return otherwise
}

func (q *request) has(name string) bool { return q.text(name, "") != "" }

func (q *request) required(name string) (string, error) {
	if v := q.text(name, ""); v != "" {
		return v, nil
	}
	return "", q.missing(name)
}

// missing says that a parameter is not there, in the words of the route's
// version: version 1 looks for it itself, the later ones leave it to their forms.
func (q *request) missing(name string) error {
	if q.style == plain || q.style == rest {
		return codes.Missing.With(fmt.Sprintf("Param '%s' is required.", name))
	}
	kind := "String"
	switch name {
	case "port", "checkPort", "count":
		kind = "Integer"
	case "healthy", "useInstancePort4Check":
		kind = "Boolean"
	}
	return codes.Missing.With(fmt.Sprintf("Required parameter '%s' type %s is not present", name, kind))
}

func (q *request) number(name string, otherwise int) (int, error) {
	v := q.text(name, "")
	if v == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return 0, codes.Invalid.With(fmt.Sprintf("Param '%s' is no number: %q", name, v))
	}
	return n, nil
}

func (q *request) flag(name string, otherwise bool) bool {
	return truth(q.text(name, ""), otherwise)
}

// truth reads a truth value as Nacos does.
func truth(s string, otherwise bool) bool {
	switch strings.ToLower(s) {
	case "":
		return otherwise
	case "true", "on", "yes", "t", "y", "1":
		return true
	}
	return false
}

// page returns which page is asked for.
func (q *request) page(size int) (int, int, error) {
	no, err := q.number("pageNo", 1)
	if err != nil {
		return 0, 0, err
	}
	size, err = q.number("pageSize", size)
	if err != nil {
		return 0, 0, err
	}
	if no < 1 || size < 1 {
		return 0, 0, codes.Invalid.With("pageNo and pageSize start at 1")
	}
	return no, min(size, registry.MaxPage), nil
}

func (q *request) namespace() string {
	return q.text("namespaceId", registry.DefaultNamespace)
}

// service returns the service that a request is about.
func (q *request) service() (registry.ServiceKey, error) {
	name, err := q.required("serviceName")
	if err != nil {
		return registry.ServiceKey{}, err
	}
	key := registry.Key(q.namespace(), q.text("groupName", ""), name)
	return key, key.Validate()
}

// caller returns the address that a request comes from.
func (q *request) caller() string {
	host, _, err := net.SplitHostPort(q.RemoteAddr)
	if err != nil {
		return q.RemoteAddr
	}
	return host
}

// agent says which client asks. Those of Java say it in User-Agent, and only
// their bare version in Client-Version.
func (q *request) agent() string {
	if v := q.UserAgent(); v != "" {
		return v
	}
	return q.Header.Get("Client-Version")
}

// udp returns where a 1.x client listens for pushes, if it does. It says its
// own address, for what asks may be a proxy.
func (q *request) udp() (netip.AddrPort, bool, error) {
	port, err := q.number("udpPort", 0)
	if err != nil || port <= 0 {
		return netip.AddrPort{}, false, err
	}
	if port > 65535 {
		return netip.AddrPort{}, false, codes.Invalid.With("Param 'udpPort' is illegal")
	}
	ip, err := netip.ParseAddr(q.text("clientIP", ""))
	if err != nil || q.server.opts.PushToCaller || !pushable(ip) {
		if ip, err = netip.ParseAddr(q.caller()); err != nil {
			return netip.AddrPort{}, false, nil // it has no address to push to
		}
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(port)), true, nil
}

// pushable reports whether an address is one host's.
func pushable(ip netip.Addr) bool {
	return ip.IsValid() && !ip.IsUnspecified() && !ip.IsMulticast() && ip != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}
