package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// Members returns the servers that this one knows.
func (c *Client) Members(ctx context.Context) ([]Member, error) {
	return own[[]Member](ctx, c, "/muster/v1/members", nil)
}

// Raft returns the state of what the servers agree on.
func (c *Client) Raft(ctx context.Context) (Raft, error) {
	return own[Raft](ctx, c, "/muster/v1/raft", nil)
}

// Clients returns clients in the order of their ids, at most limit.
func (c *Client) Clients(ctx context.Context, limit int) ([]Registrant, error) {
	out := []Registrant{}
	after := ""
	for len(out) < limit {
		q := url.Values{"limit": {strconv.Itoa(min(1000, limit-len(out)))}, "after": {after}}
		page, err := own[[]Registrant](ctx, c, "/muster/v1/clients", q)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			break
		}
		out = append(out, page...)
		after = page[len(page)-1].ID
	}
	return out, nil
}

// Client returns one client with what it has registered.
func (c *Client) Client(ctx context.Context, id string) (Registrant, error) {
	return own[Registrant](ctx, c, "/muster/v1/clients/"+url.PathEscape(id), nil)
}

// RaftCommand has a server do what an operator wants of Raft: transferLeader,
// removePeer, doSnapshot.
func (c *Client) RaftCommand(ctx context.Context, command, value string) error {
	_, err := ask[json.RawMessage](ctx, c, http.MethodPost, "/nacos/v3/admin/core/ops/raft", nil, url.Values{"command": {command}, "value": {value}})
	return err
}
