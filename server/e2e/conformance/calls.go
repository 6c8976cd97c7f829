package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// A Place is where instances are looked for. An empty group is the library's
// own default.
type Place struct {
	Service, Group string
	Clusters       []string
}

func (p Place) request(op string) protocol.Request {
	return protocol.Request{Op: op, Service: p.Service, Group: p.Group, Clusters: p.Clusters}
}

// of is a request about one instance, with the cluster left to the library
// where it is the default one.
func (p Place) of(op string, i Instance) protocol.Request {
	r := protocol.Request{
		Op: op, Service: p.Service, Group: p.Group, IP: i.IP, Port: i.Port, Cluster: i.Cluster, Weight: i.Weight,
		Healthy: i.Healthy, Enabled: i.Enabled, Ephemeral: *i.Ephemeral, Metadata: i.Metadata,
	}
	if r.Cluster == "DEFAULT" {
		r.Cluster = ""
	}
	return r
}

func (c *Client) running() bool {
	select {
	case <-c.ended:
		return false
	default:
		return true
	}
}

func (c *Client) connect(ctx context.Context, servers []string, as login) error {
	_, err := c.Call(ctx, protocol.Request{
		Op: "connect", Servers: servers, Namespace: as.namespace, User: as.user, Password: as.password,
	})
	return err
}

// ask calls and decodes the result.
func ask[T any](ctx context.Context, c *Client, r protocol.Request) (result T, err error) {
	b, err := c.Call(ctx, r)
	if err != nil {
		return result, err
	}
	if err := json.Unmarshal(b, &result); err != nil {
		return result, fmt.Errorf("%s: the driver's result: %w: %s", r.Op, err, b)
	}
	return result, nil
}

func (c *Client) register(ctx context.Context, p Place, i Instance) error {
	_, err := c.Call(ctx, p.of("register", i))
	return err
}

func (c *Client) deregister(ctx context.Context, p Place, i Instance) error {
	_, err := c.Call(ctx, p.of("deregister", i))
	return err
}

func (c *Client) batch(ctx context.Context, op string, p Place, list ...Instance) error {
	r := p.request(op)
	r.Instances = list
	_, err := c.Call(ctx, r)
	return err
}

func (c *Client) list(ctx context.Context, p Place) ([]Instance, error) {
	l, err := ask[protocol.List](ctx, c, p.request("list"))
	return l.Instances, err
}

func (c *Client) selected(ctx context.Context, p Place, healthy bool) ([]Instance, error) {
	r := p.request("select")
	r.Healthy = healthy
	l, err := ask[protocol.List](ctx, c, r)
	return l.Instances, err
}

func (c *Client) one(ctx context.Context, p Place) (*Instance, error) {
	one, err := ask[protocol.One](ctx, c, p.request("selectOne"))
	return one.Instance, err
}

func (c *Client) services(ctx context.Context, group string, page, size int) (protocol.Services, error) {
	return ask[protocol.Services](ctx, c, protocol.Request{Op: "services", Group: group, Page: page, Size: size})
}

func (c *Client) status(ctx context.Context) (string, error) {
	s, err := ask[protocol.Status](ctx, c, protocol.Request{Op: "status"})
	return s.Status, err
}

// subscribe returns what the client is told from now on. A client has one
// subscription per service.
func (c *Client) subscribe(ctx context.Context, p Place) (*Watch, error) {
	w := newWatch()
	c.mu.Lock()
	c.watches[watched(p.Service, p.Group)] = w
	c.mu.Unlock()
	_, err := c.Call(ctx, p.request("subscribe"))
	return w, err
}

func (c *Client) unsubscribe(ctx context.Context, p Place) error {
	_, err := c.Call(ctx, p.request("unsubscribe"))
	return err
}

// fuzzyTold reports whether a fuzzy watch was told that of a service.
func (c *Client) fuzzyTold(p Place, kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.fuzzy, func(m protocol.Message) bool {
		return m.Service == p.Service && m.Group == p.Group && m.Type == kind
	})
}
