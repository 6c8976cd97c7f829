package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// A Kind is one client library at one site.
type Kind struct {
	Driver     Driver
	Generation int // 1 speaks HTTP; 2 and 3 speak gRPC
	Site       *Site

	dir     string        // for what clients write
	turns   chan struct{} // has room for as many as may start at once
	started atomic.Int64

	mu   sync.Mutex
	pair [2]*Client // what most scenarios share: starting a client costs more than they do
}

// A login is how a client says who it is, and where it works.
type login struct{ namespace, user, password string }

// starting is how many clients may start at once. Some give a server three
// seconds for the first answer, and are not faster themselves when many start.
const starting = 4

// dial starts a client of those servers, and waits until it says that it has
// found one, if it says so at all: some look for it in the background, and
// refuse to do anything until then.
func (k *Kind) dial(ctx context.Context, servers []*proc.Server, as login) (*Client, error) {
	k.turns <- struct{}{}
	defer func() { <-k.turns }()
	dir := filepath.Join(k.dir, fmt.Sprintf("%s-at-%d-%d", k.Driver.Name(), k.Site.Size, k.started.Add(1)))
	c, err := startClient(ctx, k.Driver, dir)
	if err != nil {
		return nil, err
	}
	err = c.connect(ctx, addresses(servers), as)
	if err == nil && k.Generation > 1 {
		err = c.awaitUp(ctx)
	}
	if err != nil {
		c.End()
		return nil, err
	}
	return c, nil
}

// awaitUp waits until the client says that its server is UP.
func (c *Client) awaitUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		status, err := c.status(ctx)
		if errors.Is(err, errUnsupported) || status == "UP" {
			return nil
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the client says of its server that it is %s: %w", status, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
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
