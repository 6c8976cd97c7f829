package app

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Requests of HTTP clients, and what is answered, as servers pass them on to
// each other: a version, and then numbers and texts, these with their length
// before them.
const forwardVersion = 1

// Bounds of a request and of an answer that is passed on.
const (
	maxForwardHeaders = 64
	maxForwardBody    = 16 << 20
)

var errForward = errors.New("request or answer of another server does not decode")

// passedOn are the headers that mean something to a door.
var passedOn = []string{"Content-Type", "User-Agent", "Client-Version", "Accesstoken", "Authorization", "Accept", "Accept-Language"}

type header struct{ name, value string }

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func encodeRequest(q *http.Request) ([]byte, error) {
	var body []byte
	if q.Body != nil {
		var err error
		if body, err = io.ReadAll(io.LimitReader(q.Body, maxForwardBody+1)); err != nil {
			return nil, fmt.Errorf("reading the body: %w", err)
		}
		if len(body) > maxForwardBody {
			return nil, fmt.Errorf("body of more than %d bytes", maxForwardBody)
		}
	}
	b := []byte{forwardVersion}
	for _, s := range []string{q.Method, q.URL.RequestURI(), q.RemoteAddr, q.Host} {
		b = appendText(b, s)
	}
	var headers []header
	for _, name := range passedOn {
		if v := q.Header.Get(name); v != "" {
			headers = append(headers, header{name, v})
		}
	}
	b = appendHeaders(b, headers)
	return append(b, body...), nil
}

func appendHeaders(b []byte, headers []header) []byte {
	b = binary.AppendUvarint(b, uint64(len(headers)))
	for _, h := range headers {
		b = appendText(appendText(b, h.name), h.value)
	}
	return b
}

// decodeRequest makes the request that another server was asked. It is believed
// that server which client asks.
func decodeRequest(ctx context.Context, b []byte) (*http.Request, error) {
	d := forwardReader{b: b}
	d.version()
	method, uri, remote, host := d.text(), d.text(), d.text(), d.text()
	headers := d.headers()
	if d.bad {
		return nil, errForward
	}
	if !strings.HasPrefix(uri, "/") {
		return nil, fmt.Errorf("%w: uri %.60q", errForward, uri)
	}
	q, err := http.NewRequestWithContext(ctx, method, "http://x"+uri, bytes.NewReader(d.b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errForward, err)
	}
	q.RequestURI, q.RemoteAddr, q.Host = uri, remote, host
	for _, h := range headers {
		if slices.Contains(passedOn, h.name) {
			q.Header.Set(h.name, h.value)
		}
	}
	return q, nil
}

// answerWriter keeps an answer that goes back to the server that was asked.
type answerWriter struct {
	h      http.Header
	status int
	wrote  bool
	body   bytes.Buffer
}

func (w *answerWriter) Header() http.Header {
	if w.h == nil {
		w.h = make(http.Header)
	}
	return w.h
}

func (w *answerWriter) WriteHeader(status int) {
	if !w.wrote {
		w.wrote, w.status = true, status
	}
}

func (w *answerWriter) Write(b []byte) (int, error) {
	w.wrote = true
	return w.body.Write(b)
}

func (w *answerWriter) encode() []byte {
	b := binary.AppendUvarint([]byte{forwardVersion}, uint64(w.status))
	var headers []header
	for name, values := range w.h {
		for _, v := range values {
			headers = append(headers, header{name, v})
		}
	}
	b = appendHeaders(b, headers)
	return append(b, w.body.Bytes()...)
}

type answer struct {
	status int
	header []header
	body   []byte
}

func decodeAnswer(b []byte) (a answer, err error) {
	d := forwardReader{b: b}
	d.version()
	status := d.number()
	a.header = d.headers()
	if d.bad || status < 200 || status > 999 {
		return answer{}, errForward
	}
	a.status, a.body = int(status), d.b
	return a, nil
}

// forwardReader takes apart what the functions above made. After a fault all
// is empty.
type forwardReader struct {
	b   []byte
	bad bool
}

func (d *forwardReader) version() {
	if len(d.b) == 0 || d.b[0] != forwardVersion {
		d.bad, d.b = true, nil
		return
	}
	d.b = d.b[1:]
}

func (d *forwardReader) number() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.bad, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *forwardReader) text() string {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.bad, d.b = true, nil
		return ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return s
}

func (d *forwardReader) headers() []header {
	n := d.number()
	if n > maxForwardHeaders {
		d.bad, d.b = true, nil
		return nil
	}
	var out []header
	for range n {
		h := header{d.text(), d.text()}
		if d.bad {
			return nil
		}
		out = append(out, h)
	}
	return out
}
