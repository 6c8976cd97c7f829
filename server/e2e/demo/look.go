package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/musterhq/muster/server/e2e/fleet"
	"github.com/musterhq/muster/server/e2e/proc"
)

// held returns how many clients are connected to a server.
func held(ctx context.Context, s *proc.Server) (int, error) {
	body, status, err := s.Get(ctx, "/nacos/v2/core/loader/current")
	if err != nil || status != 200 {
		return 0, fmt.Errorf("asking %s for its connections: %d: %w", s.Name, status, err)
	}
	return strings.Count(body, `"metaInfo"`), nil
}

// allMoved reports whether all clients are connected to servers other than gone.
func allMoved(ctx context.Context, c *proc.Cluster, gone *proc.Server) bool {
	sum := 0
	for _, s := range c.Servers {
		if s == gone {
			continue
		}
		n, err := held(ctx, s)
		if err != nil {
			return false
		}
		sum += n
	}
	return sum >= providers+watchers
}

// agree waits until all subscribers have exactly who lives.
func agree(ctx context.Context, f *fleet.Fleet) error {
	why := ""
	err := eventually(ctx, func() (ok bool) {
		ok, why = f.Agree()
		return ok
	})
	if err != nil {
		return fmt.Errorf("%s: %w", why, err)
	}
	return nil
}

// eventually waits for a condition, for half a minute at most.
func eventually(ctx context.Context, ok func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for !ok() {
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
