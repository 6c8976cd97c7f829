// Command demo shows three servers with real clients of nacos-sdk-go v2 on
// them. The leader is killed, then a follower, and both come back; what the
// clients were told meanwhile is shown as it happens.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/musterhq/muster/server/e2e/fleet"
	"github.com/musterhq/muster/server/e2e/proc"
)

func main() {
	binary := flag.String("muster", "../../bin/muster", "the server")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	if err := run(ctx, *binary); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string) (err error) {
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "muster-demo")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := proc.NewCluster(binary, dir, 3, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Start(ctx); err != nil {
		return err
	}
	f := fleet.New(c.Servers, dir)
	f.Show(os.Stdout)
	defer f.Close()
	for _, s := range c.Servers {
		f.Note("%s is ready after %v, at %s", s.Name, s.Ready.Round(time.Millisecond), s.URL(""))
	}
	if err := populate(ctx, f); err != nil {
		return err
	}
	leader, err := c.Leader(ctx)
	if err != nil {
		return err
	}
	if err := killed(ctx, f, leader, "leads"); err != nil {
		return err
	}
	for _, s := range c.Servers {
		if s != leader {
			if err := killed(ctx, f, s, "follows"); err != nil {
				return err
			}
			break
		}
	}
	gaps := f.Gaps(time.Second)
	fmt.Printf("\ninstances that live and were missing from a subscriber's list: %d\nempty lists: %d\n", len(gaps), f.Empty())
	for _, g := range gaps {
		fmt.Println(g)
	}
	if len(gaps) > 0 || f.Empty() > 0 {
		return errors.New("the clients have noticed")
	}
	return nil
}

// populate starts clients.
func populate(ctx context.Context, f *fleet.Fleet) error {
	const providers, watchers = 6, 3
	for i := range watchers {
		if _, err := f.Watch(i); err != nil {
			return err
		}
	}
	for i := range providers {
		if _, err := f.Provide(i, i); err != nil {
			return err
		}
	}
	f.Note("%d clients register an instance each, %d subscribe", providers, watchers)
	return agree(ctx, f)
}

// killed kills a server, and starts it again.
func killed(ctx context.Context, f *fleet.Fleet, s *proc.Server, what string) error {
	f.Note("kill -9 %s, which %s", s.Name, what)
	s.Kill()
	if err := pause(ctx, 15*time.Second); err != nil { // past the time in which its clients are waited for
		return err
	}
	if err := agree(ctx, f); err != nil {
		return err
	}
	f.Note("all clients have all, and were told of nothing but this")
	if err := s.Start(); err != nil {
		return err
	}
	if err := s.AwaitReady(ctx); err != nil {
		return err
	}
	f.Note("%s is back, ready after %v", s.Name, s.Ready.Round(time.Millisecond))
	return pause(ctx, 2*time.Second)
}

// agree waits until all subscribers have exactly who lives.
func agree(ctx context.Context, f *fleet.Fleet) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		ok, why := f.Agree()
		if ok {
			return nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("%s: %w", why, err)
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
