package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/musterhq/muster/server/bench/light"
	"github.com/musterhq/muster/server/bench/peers"
)

// subscribers is how many clients wait for news of one service.
const subscribers = 1000

// pushed measures from a change to when each subscriber has it: one instance
// of the service is registered anew with another port, at another server each
// time, and every subscriber notes when the list with that port arrives.
func pushed(ctx context.Context, b *bench) error {
	m, err := peers.StartMuster(ctx, b.binary, b.space(), 3)
	if err != nil {
		return err
	}
	defer m.Close()
	rounds := 60
	if b.quick {
		rounds = 6
	}
	a := &audience{waiting: make(chan struct{}, subscribers)}
	defer a.close()
	for i := range subscribers {
		if err := a.subscribe(ctx, m, i); err != nil {
			return fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	var writers []*light.Nacos
	for i := range m.Servers {
		w, err := m.Connect(ctx, i)
		if err != nil {
			return err
		}
		a.conns = append(a.conns, w)
		writers = append(writers, w)
	}
	var all, last []time.Duration
	for r := range rounds {
		took, err := a.round(ctx, writers[r%len(writers)], r)
		if err != nil {
			return fmt.Errorf("change %d: %w", r, err)
		}
		p := took[0]
		for _, d := range took {
			p = max(p, d)
		}
		all, last = append(all, took...), append(last, p)
	}
	p50, p99 := quantiles(all)
	lastP50, _ := quantiles(last)
	b.figure(figure{Name: "push to 1,000 subscribers, median", Value: p50, Unit: "ms", Beside: "measured here: etcd 27, ZooKeeper 40; Nacos merges for 500"})
	b.figure(figure{Name: "push to 1,000 subscribers, p99", Value: p99, Unit: "ms", Most: 75, Beside: "measured here: etcd 76, ZooKeeper 61"})
	b.figure(figure{Name: "the last of 1,000 subscribers, median", Value: lastP50, Unit: "ms", Beside: "measured here: etcd 46, ZooKeeper 45"})
	return nil
}

// audience is the subscribers.
type audience struct {
	conns   []*light.Nacos
	waiting chan struct{} // one for each that has what is waited for
	mu      sync.Mutex
	mark    []byte // what the list has that is waited for
	began   time.Time
	took    []time.Duration
}

func (a *audience) close() {
	for _, c := range a.conns {
		_ = c.Close() // the servers end next
	}
}

func (a *audience) subscribe(ctx context.Context, m *peers.Muster, i int) error {
	c, err := m.Connect(ctx, i)
	if err != nil {
		return err
	}
	a.conns = append(a.conns, c)
	if _, err := c.Ask("SubscribeServiceRequest", []byte(peers.Request("pushed", `,"subscribe":true,"clusters":""`))); err != nil {
		return err
	}
	seen := time.Time{} // of which round
	go func() {
		_ = c.Hold(func(kind string, body []byte) { // it ends with the connection
			if kind != "NotifySubscriberRequest" {
				return
			}
			now := time.Now()
			a.mu.Lock()
			defer a.mu.Unlock()
			if a.began != seen && bytes.Contains(body, a.mark) {
				seen = a.began
				a.took = append(a.took, now.Sub(a.began))
				a.waiting <- struct{}{}
			}
		})
	}()
	return nil
}

// round makes one change and waits for everybody.
func (a *audience) round(ctx context.Context, writer *light.Nacos, r int) ([]time.Duration, error) {
	// Not at a fixed distance from the round before: what is merged in one
	// window should begin anywhere in it.
	if err := sleep(ctx, 250*time.Millisecond+time.Duration(r*37%100)*time.Millisecond); err != nil {
		return nil, err
	}
	body := peers.Request("pushed", fmt.Sprintf(`,"type":"registerInstance","instance":{"ip":"127.0.0.1","port":%d,"weight":1.0,"healthy":true,"enabled":true,"ephemeral":true,"clusterName":"DEFAULT","metadata":{"zone":"a"}}`, 20000+r))
	a.mu.Lock()
	a.mark, a.began, a.took = fmt.Appendf(nil, `"port":%d,`, 20000+r), time.Now(), nil
	a.mu.Unlock()
	if _, err := writer.Ask("InstanceRequest", []byte(body)); err != nil {
		return nil, err
	}
	late := time.After(10 * time.Second)
	for range subscribers {
		select {
		case <-a.waiting:
		case <-late:
			a.mu.Lock()
			defer a.mu.Unlock()
			return nil, fmt.Errorf("only %d of %d subscribers were told within 10 s", len(a.took), subscribers)
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.took, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errGone = errors.New("connections have ended")
