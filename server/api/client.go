package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// ErrUnreachable means that no agent answered. Nothing was changed; start an
// agent or name the right address, then try again.
var ErrUnreachable = errors.New("no agent answers")

// ErrBroken means that a stream ended before its agent closed it: the agent
// died, or found this reader too slow. What was read before it is good.
var ErrBroken = errors.New("the stream broke off")

// maxAnswer bounds an answer that is not a stream. Ten thousand members with
// full metadata are about 10 MB.
const maxAnswer = 64 << 20

// Client asks one agent. The zero value is not usable; see NewClient.
type Client struct {
	base string
	http *http.Client
}

// NewClient makes a client of the agent at addr, a HOST:PORT.
func NewClient(addr string) (*Client, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("api address %q: want HOST:PORT: %w", addr, err)
	}
	if host == "" {
		host = "127.0.0.1" // ":7373" is how an agent on every interface is configured
	}
	dialer := &net.Dialer{Timeout: 3 * time.Second}
	return &Client{
		base: "http://" + net.JoinHostPort(host, port),
		// A proxy from the environment must not come between two processes
		// of one host.
		http: &http.Client{Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			ResponseHeaderTimeout: 30 * time.Second,
		}},
	}, nil
}

// Members returns the agent's view: also the dead and those that left, as
// long as the agent remembers them.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return get[[]Member](ctx, c, "/v1/members")
}

// Stats returns the agent's counters as the library reports them.
func (c *Client) Stats(ctx context.Context) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, "/v1/stats")
}

// Recent returns the user messages the agent still remembers, oldest first.
func (c *Client) Recent(ctx context.Context) ([]Message, error) {
	return get[[]Message](ctx, c, "/v1/messages?recent=1")
}

// Join asks the agent to join through addrs.
func (c *Client) Join(ctx context.Context, addrs ...string) (JoinResult, error) {
	return post[JoinResult](ctx, c, "/v1/join", JoinRequest{addrs})
}

// Leave makes the agent leave the cluster and end.
func (c *Client) Leave(ctx context.Context) error {
	return command(ctx, c, "/v1/leave", struct{}{})
}

// SetMeta replaces the agent's metadata.
func (c *Client) SetMeta(ctx context.Context, meta string) error {
	return command(ctx, c, "/v1/meta", MetaRequest{meta})
}

// Broadcast gossips payload to every member.
func (c *Client) Broadcast(ctx context.Context, payload []byte) error {
	return command(ctx, c, "/v1/broadcast", BroadcastRequest{NewPayload(payload)})
}

// Send sends payload to the member of that name.
func (c *Client) Send(ctx context.Context, to string, payload []byte, reliable bool) error {
	return command(ctx, c, "/v1/send", SendRequest{to, NewPayload(payload), reliable})
}

// Keys applies op to the key ring and returns what the ring then holds.
func (c *Client) Keys(ctx context.Context, op string, key []byte) ([]Key, error) {
	list, err := post[KeyList](ctx, c, "/v1/keys", KeyRequest{op, key})
	return list.Keys, err
}

// Events calls each for every event until the agent closes the stream (nil),
// ctx ends, each fails, or the stream breaks.
func (c *Client) Events(ctx context.Context, each func(Event) error) error {
	return stream(ctx, c, "/v1/events", each)
}

// Messages is Events for the user messages the agent receives from now on.
func (c *Client) Messages(ctx context.Context, each func(Message) error) error {
	return stream(ctx, c, "/v1/messages", each)
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return ask[T](ctx, c, http.MethodGet, path, nil)
}

func post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	body, err := json.Marshal(in)
	if err != nil {
		var none T
		return none, fmt.Errorf("encode request: %w", err)
	}
	return ask[T](ctx, c, http.MethodPost, path, body)
}

// command is a post whose answer says nothing but that it was done.
func command(ctx context.Context, c *Client, path string, in any) error {
	_, err := post[Done](ctx, c, path, in)
	return err
}

func ask[T any](ctx context.Context, c *Client, method, path string, body []byte) (T, error) {
	var out T
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below, or already failed
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&out); err != nil {
		return out, fmt.Errorf("read the agent's answer: %w", err)
	}
	return out, nil
}

// do sends a request and turns everything but 200 into an error.
func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }() // the answer is an error already
	fault := &Error{Status: resp.StatusCode}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil || json.Unmarshal(text, fault) != nil || fault.Message == "" {
		fault.Message = fmt.Sprintf("%s answered %s", req.URL.Host, resp.Status)
		fault.Hint = "is this the address of a muster agent?"
	}
	return nil, fault
}

// unreachable says in the fewest words why nobody answered.
func (c *Client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the method and URL, which only repeat the address
	}
	host := c.base[len("http://"):]
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	return fmt.Errorf("%w at %s: %w", ErrUnreachable, host, err)
}

// stream reads one JSON value per line.
func stream[T any](ctx context.Context, c *Client, path string, each func(T) error) error {
	resp, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // ends the stream; nothing is lost by it
	for dec := json.NewDecoder(resp.Body); ; {
		var v T
		switch err := dec.Decode(&v); {
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			return fmt.Errorf("%w: %w", ErrBroken, err)
		}
		if err := each(v); err != nil {
			return err
		}
	}
}
