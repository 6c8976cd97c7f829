package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/musterhq/muster/server/bench/peers"
	"github.com/musterhq/muster/server/e2e/proc"
)

// started measures what a server is before anybody uses it.
func started(ctx context.Context, b *bench) error {
	starts := 11
	if b.quick {
		starts = 3
	}
	info, err := os.Stat(b.binary)
	if err != nil {
		return err
	}
	b.figure(figure{Name: "binary, as go build makes it", Value: float64(info.Size()) / megabyte, Unit: "MB", Most: 40})
	c, err := proc.NewCluster(b.binary, b.space(), 1, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	var ready []float64
	s := c.Servers[0]
	for i := range starts {
		if i > 0 {
			if _, err := s.Stop(ctx); err != nil {
				return err
			}
		}
		if err := errors.Join(s.Start(), s.AwaitReady(ctx)); err != nil {
			return err
		}
		ready = append(ready, float64(s.Ready.Milliseconds()))
	}
	b.figure(figure{Name: "first start until ready", Value: ready[0], Unit: "ms", Most: 500})
	b.figure(figure{Name: "restart until ready, median", Value: median(ready[1:]), Unit: "ms", Most: 500})
	if err := sleep(ctx, 5*time.Second); err != nil {
		return err
	}
	rss, err := s.RSS()
	if err != nil {
		return err
	}
	b.figure(figure{Name: "idle, alone: RSS", Value: float64(rss) / megabyte, Unit: "MB", Most: 40, Beside: "etcd 29, ZooKeeper 79"})
	return idleThree(ctx, b)
}

// idleThree measures a cluster that nobody uses.
func idleThree(ctx context.Context, b *bench) error {
	m, err := peers.StartMuster(ctx, b.binary, b.space()+"/three", 3)
	if err != nil {
		return err
	}
	defer m.Close()
	rest := 10 * time.Second
	if err := sleep(ctx, 3*time.Second); err != nil {
		return err
	}
	before, err := peers.CPU(m.PIDs())
	if err != nil {
		return err
	}
	if err := sleep(ctx, rest); err != nil {
		return err
	}
	after, err := peers.CPU(m.PIDs())
	if err != nil {
		return err
	}
	rss, err := m.Servers[0].RSS()
	if err != nil {
		return err
	}
	b.figure(figure{Name: "idle, one of three: RSS", Value: float64(rss) / megabyte, Unit: "MB", Most: 40, Beside: "etcd 29, ZooKeeper 79"})
	b.figure(figure{Name: "idle, all three: processor", Value: (after - before).Seconds() / rest.Seconds() * 100, Unit: "%", Beside: "etcd 3, ZooKeeper 1"})
	return nil
}

// failover measures how long no persistent write is acknowledged after the
// leader is killed. A client at each of the other servers writes all the time.
func failover(ctx context.Context, b *bench) error {
	times := 9
	if b.quick {
		times = 2
	}
	m, err := peers.StartMuster(ctx, b.binary, b.space(), 3)
	if err != nil {
		return err
	}
	defer m.Close()
	var gaps []float64
	for i := range times {
		gap, err := killLeader(ctx, m, i)
		if err != nil {
			return fmt.Errorf("kill %d: %w", i, err)
		}
		gaps = append(gaps, gap)
	}
	most := 0.0
	for _, g := range gaps {
		most = max(most, g)
	}
	b.figure(figure{Name: fmt.Sprintf("no write after the leader's death, median of %d", times), Value: median(gaps), Unit: "s", Most: 1.5, Beside: "measured here: etcd 1.5-1.75, ZooKeeper 1.06"})
	b.figure(figure{Name: "the longest of them", Value: most, Unit: "s"})
	return nil
}

// killLeader kills whoever leads, and returns for how many seconds nobody's
// write was acknowledged. The server is started again.
func killLeader(ctx context.Context, m *peers.Muster, round int) (gap float64, err error) {
	leader, err := m.Leader(ctx)
	if err != nil {
		return 0, err
	}
	var others []*proc.Server
	for _, s := range m.Servers {
		if s != leader {
			others = append(others, s)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	write := func(n int) error {
		form := peers.Form(fmt.Sprintf("failover-%d", round), uint64(n), false)
		body, status, err := others[n%len(others)].Do(ctx, http.MethodPost, "/nacos/v1/ns/instance?"+form)
		if err == nil && (status != http.StatusOK || strings.TrimSpace(body) != "ok") {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	}
	for n := range 20 {
		if err := write(n); err != nil {
			return 0, err
		}
	}
	leader.Kill()
	begin := time.Now()
	for n := 20; ; n++ {
		if err = write(n); err == nil {
			break
		}
		if ctx.Err() != nil {
			return 0, err
		}
	}
	gap = time.Since(begin).Seconds()
	return gap, errors.Join(leader.Start(), leader.AwaitReady(ctx))
}
