package httpapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// A style is how a version of the API says what it says.
type style int

const (
	plain  style = iota // v1: the thing itself; errors are text
	result              // v2 and v3: {"code":0,"message":"success","data":..}
	rest                // v1 console and core: {"code":200,"message":null,"data":..}
	mixed               // v2 here and there: the thing itself; errors as those of result
)

// raw is JSON that is shared and must not be changed.
type raw []byte

// MarshalJSON returns it as it is.
func (r raw) MarshalJSON() ([]byte, error) { return r, nil }

// An answer with a status or headers of its own.
type answered struct {
	status  int
	headers map[string]string
	value   any
	style   *style // another than the route's
}

func (s *Server) write(w http.ResponseWriter, st style, v any) int {
	status := http.StatusOK
	if a, ok := v.(answered); ok {
		for k, h := range a.headers {
			w.Header().Set(k, h)
		}
		if a.status != 0 {
			status = a.status
		}
		if a.style != nil {
			st = *a.style
		}
		v = a.value
	}
	switch t := v.(type) {
	case string:
		if st == plain || st == mixed {
			return writeBytes(w, status, "text/plain;charset=UTF-8", []byte(t))
		}
	case raw:
		switch st {
		case plain, mixed:
			return writeBytes(w, status, jsonType, t)
		case result: // without a copy of what may be long
			w.Header().Set("Content-Type", jsonType)
			w.Header().Set("Content-Length", strconv.Itoa(len(resultFront)+len(t)+1))
			w.WriteHeader(status)
			return writeAll(w, status, []byte(resultFront), t, []byte{'}'})
		}
	}
	switch st {
	case result:
		v = envelope{0, "success", v}
	case rest:
		v = restEnvelope{200, nil, v}
	}
	return s.writeJSON(w, status, v)
}

const (
	jsonType    = "application/json;charset=UTF-8"
	resultFront = `{"code":0,"message":"success","data":`
)

type envelope struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

type restEnvelope struct {
	Code    int     `json:"code"`
	Message *string `json:"message"`
	Data    any     `json:"data"`
}

func (s *Server) writeJSON(w http.ResponseWriter, status int, v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		s.log.Error("encoding an answer", "err", err)
		return writeBytes(w, http.StatusInternalServerError, "text/plain;charset=UTF-8", []byte("caused: encoding the answer;"))
	}
	return writeBytes(w, status, jsonType, b)
}

func writeBytes(w http.ResponseWriter, status int, kind string, b []byte) int {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	return writeAll(w, status, b)
}

func writeAll(w http.ResponseWriter, status int, parts ...[]byte) int {
	for _, b := range parts {
		if _, err := w.Write(b); err != nil {
			break // the client has gone; there is nobody to tell
		}
	}
	return status
}

// writeError answers with an error, in the words of the route's version.
func (s *Server) writeError(w http.ResponseWriter, st style, err error) int {
	c := codes.Of(err)
	if c.HTTP >= 500 {
		s.log.Debug("request failed", "err", err)
	}
	switch st {
	case result, mixed:
		return s.writeJSON(w, c.HTTP, envelope{c.API, c.Text, err.Error()})
	case rest:
		text := err.Error()
		return s.writeJSON(w, c.HTTP, restEnvelope{c.HTTP, &text, nil})
	}
	return writeBytes(w, c.HTTP, "text/plain;charset=UTF-8", []byte("caused: "+err.Error()+";"))
}

// object is the usual answer that is no list.
type object = map[string]any

func metadata(m *registry.Metadata) raw { return raw(m.JSON()) }
