package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/musterhq/muster/server/e2e/proc"
)

// A Kind is one client library at one site.
type Kind struct {
	Driver     Driver
	Generation int // 1 speaks HTTP; 2 and 3 speak gRPC
	Site       *Site

	dir     string // for what clients write
	started atomic.Int64

	mu   sync.Mutex
	pair [2]*Client // what most scenarios share: starting a client costs more than they do
}

// A login is how a client says who it is, and where it works.
type login struct{ namespace, user, password string }

// dial starts a client of those servers.
func (k *Kind) dial(ctx context.Context, servers []*proc.Server, as login) (*Client, error) {
	dir := filepath.Join(k.dir, fmt.Sprintf("%s-at-%d-%d", k.Driver.Name(), k.Site.Size, k.started.Add(1)))
	c, err := startClient(ctx, k.Driver, dir)
	if err != nil {
		return nil, err
	}
	if err := c.connect(ctx, addresses(servers), as); err != nil {
		c.End()
		return nil, err
	}
	return c, nil
}

// shared returns one of the two clients that scenarios have in common.
func (k *Kind) shared(ctx context.Context, n int) (*Client, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.pair[n]; c != nil && c.running() {
		return c, nil
	}
	c, err := k.dial(ctx, k.Site.Open.Servers, login{})
	if err == nil {
		k.pair[n] = c
	}
	return c, err
}

// release ends the shared clients.
func (k *Kind) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n, c := range k.pair {
		if c != nil {
			c.End()
			k.pair[n] = nil
		}
	}
}
