package health

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/musterhq/muster/server/registry"
)

// Bounds of what an answer may have. Of its body nothing is read.
const (
	maxHeader  = 16 << 10
	maxInterim = 5 // answers with 1xx before the one that counts
)

// http succeeds if a page is answered with the status that is expected. It
// does without http.Client, whose connections, redirects, proxies and log this
// has no use for.
func (p *Probes) http(ctx context.Context, addr string, c *registry.Checker) error {
	r, err := newHTTPRequest(addr, c)
	if err != nil {
		return err
	}
	conn, hangUp, err := p.connect(ctx, addr)
	if err != nil {
		return err
	}
	status := 0
	if err = r.Write(conn); err == nil {
		status, err = readStatus(conn, r)
	}
	if closeErr := hangUp(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	want := c.ExpectedCode
	if want == 0 {
		want = http.StatusOK
	}
	if status != want {
		return fmt.Errorf("status %d, not %d", status, want)
	}
	return nil
}

func readStatus(conn io.Reader, r *http.Request) (int, error) {
	in := bufio.NewReaderSize(io.LimitReader(conn, maxHeader), 1<<10)
	for range maxInterim {
		// Its body is not closed, for that would read it.
		resp, err := http.ReadResponse(in, r) //nolint:bodyclose
		if err != nil {
			return 0, err
		}
		if resp.StatusCode < 100 || resp.StatusCode > 199 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp.StatusCode, nil
		}
	}
	return 0, fmt.Errorf("more than %d interim answers", maxInterim)
}

// newHTTPRequest makes the request. The path is a path, whatever it looks
// like: no part of it says which host is asked.
func newHTTPRequest(addr string, c *registry.Checker) (*http.Request, error) {
	path, err := url.ParseRequestURI("/" + strings.TrimPrefix(c.Path, "/"))
	if err != nil {
		return nil, fmt.Errorf("path: %w", err)
	}
	r := &http.Request{
		Method: http.MethodGet, URL: path, Host: addr, Close: true,
		Header: http.Header{"User-Agent": {"muster-health"}},
	}
	for line := range strings.SplitSeq(c.Headers, "|") {
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "":
		case !isToken(name) || strings.ContainsFunc(value, isControl):
			return nil, fmt.Errorf("header %.40q", line)
		case strings.EqualFold(name, "Host"):
			r.Host = value
		default:
			r.Header.Set(name, value)
		}
	}
	return r, nil
}

// isToken reports whether s can be a header's name (RFC 9110, 5.6.2).
func isToken(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }
