package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultAddr is where a server answers unless it is told otherwise.
const DefaultAddr = "127.0.0.1:8848"

// ErrUnreachable means that no server answered. If the request was to change
// something, it is not known whether it has.
var ErrUnreachable = errors.New("no server answers")

// maxAnswer bounds an answer.
const maxAnswer = 256 << 20

// Error is what a server has answered instead of doing what it was asked.
type Error struct {
	Status int // of HTTP
	Code   int // of Nacos, 0 if there is none
	Text   string
}

func (e *Error) Error() string { return e.Text }

// NotFound reports whether what was asked for does not exist.
func (e *Error) NotFound() bool {
	switch e.Code {
	case 20004, 21003, 21008, 22001: // resource, instance, service, namespace
		return true
	}
	return e.Status == http.StatusNotFound
}

// Client asks one server. The zero value is not usable; see New.
type Client struct {
	base  string
	http  *http.Client
	token string
}

// New makes a client of the server at addr, HOST, HOST:PORT or a URL. token may
// be empty.
func New(addr, token string) (*Client, error) {
	base := strings.TrimSuffix(addr, "/")
	if !strings.Contains(base, "://") {
		host, port, err := net.SplitHostPort(base)
		if err != nil {
			host, port = strings.Trim(base, "[]"), "8848"
		}
		if host == "" {
			host = "127.0.0.1"
		}
		base = "http://" + net.JoinHostPort(host, port)
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("server address %q: want HOST:PORT or http://HOST:PORT", addr)
	}
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	return &Client{
		base: base, token: token,
		http: &http.Client{Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ResponseHeaderTimeout: 30 * time.Second,
		}},
	}, nil
}

// Login makes the client use a token for a user.
func (c *Client) Login(ctx context.Context, user, password string) error {
	var a struct {
		AccessToken string `json:"accessToken"`
	}
	b, err := c.do(ctx, http.MethodPost, "/nacos/v1/auth/users/login", nil, url.Values{"username": {user}, "password": {password}})
	if err != nil {
		return fmt.Errorf("login as %s: %w", user, err)
	}
	if err := json.Unmarshal(b, &a); err != nil || a.AccessToken == "" {
		return fmt.Errorf("login as %s: the server's answer has no token", user)
	}
	c.token = a.AccessToken
	return nil
}

// do sends one request and returns the body of an answer that is not an error.
func (c *Client) do(ctx context.Context, method, path string, query, form url.Values) ([]byte, error) {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", "muster-cli")
	if c.token != "" {
		r.Header.Set("accessToken", c.token)
	}
	a, err := c.http.Do(r)
	if err != nil {
		if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.base, reason(err))
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, maxAnswer))
	if err = errors.Join(err, a.Body.Close()); err != nil {
		return nil, fmt.Errorf("%w: reading the answer of %s: %w", ErrUnreachable, c.base, err)
	}
	if a.StatusCode/100 != 2 {
		return nil, answered(a.StatusCode, b)
	}
	return b, nil
}

// reason leaves out the URL, which has been told.
func reason(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// envelope is around each answer of versions 2 and 3.
type envelope struct {
	Code    int             `json:"code"`
	Message string          `json:"message"`
	Data    json.RawMessage `json:"data"`
}

func answered(status int, body []byte) error {
	e := &Error{Status: status}
	var env envelope
	if json.Unmarshal(body, &env) == nil && env.Message != "" {
		e.Code, e.Text = env.Code, env.Message
		var detail string
		if json.Unmarshal(env.Data, &detail) == nil && detail != "" {
			e.Text = detail
		}
		return e
	}
	e.Text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(string(body)), "caused: "), ";")
	if e.Text == "" || len(e.Text) > 1000 {
		e.Text = http.StatusText(status)
	}
	return e
}

// ask asks for the data within an envelope.
func ask[T any](ctx context.Context, c *Client, method, path string, query, form url.Values) (v T, err error) {
	b, err := c.do(ctx, method, path, query, form)
	if err != nil {
		return v, err
	}
	var env envelope
	if err := json.Unmarshal(b, &env); err != nil {
		return v, fmt.Errorf("the answer of %s%s: %w", c.base, path, err)
	}
	if env.Code != 0 && env.Code != 200 {
		return v, answered(http.StatusInternalServerError, b)
	}
	if err := json.Unmarshal(env.Data, &v); err != nil {
		return v, fmt.Errorf("the answer of %s%s: %w", c.base, path, err)
	}
	return v, nil
}

// own asks one of muster's own routes, which have no envelope.
func own[T any](ctx context.Context, c *Client, path string, query url.Values) (v T, err error) {
	b, err := c.do(ctx, http.MethodGet, path, query, nil)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	return v, err
}
