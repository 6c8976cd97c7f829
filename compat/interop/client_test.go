package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// row is what a node says of one member.
type row struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	State       string `json:"state"`
	Incarnation uint32 `json:"incarnation"`
	Meta        string `json:"meta"`
}

// call makes one API request. The default transport keeps connections open,
// which a poll every tenth of a second needs.
func (p *process) call(method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+p.api+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(answer))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// view is the node's opinion of every member it knows, itself included.
func (p *process) view() (map[string]row, error) {
	var rows []row
	if err := p.call("GET", "/v1/members", nil, &rows); err != nil {
		return nil, err
	}
	view := make(map[string]row, len(rows))
	for _, r := range rows {
		if _, twice := view[r.Name]; twice {
			return nil, fmt.Errorf("member %s listed twice", r.Name)
		}
		view[r.Name] = r
	}
	return view, nil
}

func (p *process) join(addrs ...string) error {
	return p.call("POST", "/v1/join", map[string]any{"addrs": addrs}, nil)
}

func (p *process) leave() error { return p.call("POST", "/v1/leave", nil, nil) }

func (p *process) setMeta(meta string) error {
	return p.call("POST", "/v1/meta", map[string]any{"meta": meta}, nil)
}

func (p *process) broadcast(payload string) error {
	return p.call("POST", "/v1/broadcast", map[string]any{"payload": payload}, nil)
}

func (p *process) send(to, payload string, reliable bool) error {
	return p.call("POST", "/v1/send", map[string]any{"to": to, "payload": payload, "reliable": reliable}, nil)
}

func (p *process) rotate(op, key string) error {
	return p.call("POST", "/v1/keys", map[string]any{"op": op, "key": key}, nil)
}

// cut drops everything the process sends to these addresses from now on.
func (p *process) cut(addrs ...string) error {
	if addrs == nil {
		addrs = []string{} // an empty list heals; null might not
	}
	return p.call("POST", "/debug/cut", map[string]any{"addrs": addrs}, nil)
}
