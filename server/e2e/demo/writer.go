package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// kept is the service that the writer writes to.
const kept = "kept"

// A writer registers persistent instances, one after the other, through each
// server in turn. What was acknowledged must be there at the end.
type writer struct {
	servers []*proc.Server
	stop    context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	acked []string    // addresses
	at    []time.Time // when each was acknowledged
}

func startWriter(ctx context.Context, servers []*proc.Server) *writer {
	ctx, stop := context.WithCancel(ctx)
	w := &writer{servers: servers, stop: stop, done: make(chan struct{})}
	go w.run(ctx)
	return w
}

func (w *writer) run(ctx context.Context) {
	defer close(w.done)
	for n := 0; ctx.Err() == nil; n++ {
		ip := fmt.Sprintf("10.9.%d.%d", n/250%250, n%250+1)
		s := w.servers[n%len(w.servers)]
		if s.Running() && w.write(ctx, s, ip) {
			w.mu.Lock()
			w.acked, w.at = append(w.acked, ip), append(w.at, time.Now())
			w.mu.Unlock()
		}
		if pause(ctx, 20*time.Millisecond) != nil {
			return
		}
	}
}

// write returns true if the server said that it is kept.
func (w *writer) write(ctx context.Context, s *proc.Server, ip string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, status, err := s.Do(ctx, "POST", "/nacos/v1/ns/instance?serviceName="+kept+"&ephemeral=false&port=80&ip="+ip)
	return err == nil && status == 200
}

// gap is the longest time without an acknowledged write since a moment.
func (w *writer) gap(since time.Time) (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := since
	for _, at := range w.at {
		if at.After(since) {
			longest, last = max(longest, at.Sub(last)), at
		}
	}
	return max(longest, time.Since(last))
}

// finish stops the writer, and returns how many writes were acknowledged, and
// how many of those a server does not have.
func (w *writer) finish(ctx context.Context) (acked, lost int, err error) {
	w.stop()
	<-w.done
	for _, s := range w.servers {
		body, status, err := s.Get(ctx, "/nacos/v1/ns/instance/list?serviceName="+kept)
		if err != nil || status != 200 {
			return 0, 0, fmt.Errorf("asking %s for what was written: %d: %w", s.Name, status, err)
		}
		missing := 0
		for _, ip := range w.acked {
			if !strings.Contains(body, `"ip":"`+ip+`"`) {
				missing++
			}
		}
		lost = max(lost, missing)
	}
	return len(w.acked), lost, nil
}
