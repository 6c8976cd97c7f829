package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/server/bench/light"
	"github.com/musterhq/muster/server/bench/peers"
	"github.com/musterhq/muster/server/e2e/proc"
)

const kilobyte, megabyte = 1 << 10, 1 << 20

// dialers is how many connections are made at the same time.
const dialers = 32

// connections holds many gRPC connections at one server, each set up and with
// one subscription, as an idle application has them.
func connections(ctx context.Context, b *bench) error {
	count, hold := 10_000, 30*time.Second
	if b.quick {
		count, hold = 1000, 2*time.Second
	}
	m, err := peers.StartMuster(ctx, b.binary, b.space(), 1)
	if err != nil {
		return err
	}
	defer m.Close()
	server := m.Servers[0]
	before, err := server.RSS()
	if err != nil {
		return err
	}
	h := &holder{}
	defer h.close()
	begin := time.Now()
	if err := h.open(ctx, m, count); err != nil {
		return err
	}
	took := time.Since(begin)
	cpu, err := peers.CPU(m.PIDs())
	if err != nil {
		return err
	}
	if err := sleep(ctx, hold); err != nil {
		return err
	}
	if n := h.ended.Load(); n > 0 {
		return fmt.Errorf("%w: %d of %d in %v", errGone, n, count, hold)
	}
	after, err := server.RSS()
	if err != nil {
		return err
	}
	idle, err := peers.CPU(m.PIDs())
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%d gRPC connections, each subscribed", count)
	b.figure(figure{Name: name + ": RSS", Value: float64(after) / megabyte, Unit: "MB"})
	b.figure(figure{Name: name + ": RSS of each", Value: float64(after-before) / float64(count) / kilobyte, Unit: "KB"})
	b.figure(figure{Name: name + ": set up", Value: float64(count) / took.Seconds(), Unit: "/s"})
	b.figure(figure{Name: name + ": processor while idle", Value: (idle - cpu).Seconds() / hold.Seconds() * 100, Unit: "%"})
	return nil
}

// holder keeps connections open.
type holder struct {
	mu    sync.Mutex
	conns []*light.Nacos
	ended atomic.Int64 // that have ended, though nobody closed them
	over  atomic.Bool
}

func (h *holder) open(ctx context.Context, m *peers.Muster, count int) error {
	hangUp, err := peers.Each(ctx, dialers, uint64(count), func(context.Context, int, int) (peers.Client, error) {
		return peers.Client{Close: func() error { return nil }, Do: func(n uint64) error {
			c, err := m.Connect(ctx, int(n))
			if err != nil {
				return err
			}
			h.mu.Lock()
			h.conns = append(h.conns, c)
			h.mu.Unlock()
			body := peers.Request(peers.Service(n%1000), `,"subscribe":true,"clusters":""`)
			if _, err := c.Ask("SubscribeServiceRequest", []byte(body)); err != nil {
				return err
			}
			go func() {
				_ = c.Hold(nil) // what ended it does not matter
				if !h.over.Load() {
					h.ended.Add(1)
				}
			}()
			return nil
		}}, nil
	})
	if err != nil {
		return err
	}
	return hangUp()
}

func (h *holder) close() {
	h.over.Store(true)
	for _, c := range h.conns {
		_ = c.Close() // the server ends next
	}
}

// instances fills a server with ephemeral instances of 100 clients, ten to a
// service, and has another one join it.
func instances(ctx context.Context, b *bench) error {
	const clients, per = 100, 10
	steps := []uint64{100_000, 1_000_000}
	if b.quick {
		steps = []uint64{10_000, 50_000}
	}
	m, err := peers.StartMuster(ctx, b.binary, b.space(), 1)
	if err != nil {
		return err
	}
	defer m.Close()
	server := m.Servers[0]
	idle, err := server.RSS()
	if err != nil {
		return err
	}
	have := uint64(0)
	for _, n := range steps {
		begin := time.Now()
		hangUp, err := m.Crowd(ctx, clients, have/per, n/per, per)
		if err != nil {
			return err
		}
		defer hangUp() //nolint:errcheck // the server ends next
		took := time.Since(begin)
		if _, err := settle(ctx, server, int(n), time.Minute); err != nil {
			return err
		}
		if err := sleep(ctx, 5*time.Second); err != nil { // of rest, as it has mostly
			return err
		}
		rss, err := server.RSS()
		if err != nil {
			return err
		}
		b.figure(figure{Name: fmt.Sprintf("%d instances: RSS", n), Value: float64(rss) / megabyte, Unit: "MB"})
		b.figure(figure{Name: fmt.Sprintf("%d instances: RSS of each", n), Value: float64(rss-idle) / float64(n), Unit: "bytes"})
		b.figure(figure{Name: fmt.Sprintf("%d instances: registered, in batches of %d", n, per), Value: float64(n-have) / took.Seconds(), Unit: "/s", Beside: "Nacos 2.0 on 3 x 8 cores, one by one: 26,784/s"})
		have = n
	}
	return b.join(ctx, server, int(have))
}

// join has a new server join one that holds so many instances.
func (b *bench) join(ctx context.Context, to *proc.Server, have int) error {
	c, err := proc.NewCluster(b.binary, filepath.Join(b.space(), "joins"), 1, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	s := c.Servers[0]
	s.Join(to)
	begin := time.Now()
	if err := s.Start(); err != nil {
		return err
	}
	if err := s.AwaitReady(ctx); err != nil {
		return err
	}
	if _, err := settle(ctx, s, have, 5*time.Minute); err != nil {
		return err
	}
	b.figure(figure{Name: fmt.Sprintf("a joining server holds %d instances and is ready", have), Value: time.Since(begin).Seconds(), Unit: "s"})
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	rss, err := s.RSS()
	if err != nil {
		return err
	}
	b.figure(figure{Name: "the joined server: RSS", Value: float64(rss) / megabyte, Unit: "MB"})
	return nil
}

// settle waits until a server has so many instances and is ready.
func settle(ctx context.Context, s *proc.Server, want int, within time.Duration) (time.Duration, error) {
	begin := time.Now()
	for {
		n, err := peers.Instances(ctx, s)
		if err == nil && n == want {
			if _, status, err := s.Get(ctx, "/readyz"); err == nil && status == 200 {
				return time.Since(begin), nil
			}
		}
		if time.Since(begin) > within {
			return 0, fmt.Errorf("%s has %d of %d instances after %v: %w", s.Name, n, want, within, err)
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
