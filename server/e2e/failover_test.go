package e2e

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// writesAgainIn is what is promised of the median.
const writesAgainIn = 1500 * time.Millisecond

// gap measures how long nobody can write: from begin until a write, which one of
// those servers was asked for afterwards, is acknowledged.
func gap(t *testing.T, servers []*proc.Server, begin time.Time) time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	var once sync.Once
	var took time.Duration
	for _, s := range servers {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, status, err := s.Do(ctx, http.MethodPost, register("gap", 1)); err == nil && status == http.StatusOK {
					once.Do(func() { took = time.Since(begin) })
					cancel()
					return
				}
				time.Sleep(5 * time.Millisecond) // what is refused is refused at once
			}
		})
	}
	wg.Wait()
	if took == 0 {
		t.Fatal("no write within 20 s")
	}
	return took
}

// register is the request that writes a persistent instance.
func register(service string, i int) string {
	return fmt.Sprintf("/nacos/v1/ns/instance?ephemeral=false&port=80&serviceName=%s&ip=10.4.%d.%d", service, i/250, i%250)
}

// mustWrite writes once, so that all is well at the beginning of a round.
func mustWrite(t *testing.T, s *proc.Server) {
	t.Helper()
	if body, status, err := s.Do(within(t, 5*time.Second), http.MethodPost, register("gap", 0)); err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", s.Name, status, body, err)
	}
}

// allReady waits until all servers say that they are ready.
func allReady(t *testing.T, c *proc.Cluster) {
	t.Helper()
	for _, s := range c.Servers {
		if err := s.AwaitReadyz(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
}

// split returns the leader and the others.
func split(t *testing.T, c *proc.Cluster) (leader *proc.Server, rest []*proc.Server) {
	t.Helper()
	leader, err := c.Leader(within(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range c.Servers {
		if s != leader {
			rest = append(rest, s)
		}
	}
	return leader, rest
}

// judge prints the gaps and checks their median.
func judge(t *testing.T, gaps []time.Duration) {
	t.Helper()
	for i := range gaps {
		gaps[i] = gaps[i].Round(time.Millisecond)
	}
	t.Logf("until the next write was acknowledged: %v", gaps)
	slices.Sort(gaps)
	median := gaps[len(gaps)/2]
	t.Logf("median of %d: %v, longest %v", len(gaps), median, gaps[len(gaps)-1])
	if median > writesAgainIn {
		t.Errorf("the median is over %v", writesAgainIn)
	}
}

// The leader dies, again and again. MUSTER_FAILOVERS says how often.
func TestWritesAfterTheLeaderDies(t *testing.T) {
	c := servers(t, 3)
	var gaps []time.Duration
	for range number("MUSTER_FAILOVERS", 20) {
		allReady(t, c)
		leader, rest := split(t, c)
		mustWrite(t, rest[0])
		begin := time.Now()
		leader.Kill()
		gaps = append(gaps, gap(t, rest, begin))
		if err := leader.Start(); err != nil {
			t.Fatal(err)
		}
	}
	judge(t, gaps)
}

// The leader dies just after a follower has come back from a long outage and has
// said that it is ready: it may have been stopped, or killed. MUSTER_OUTAGES says
// how often.
func TestLeaderDiesAfterAnOutage(t *testing.T) {
	c := servers(t, 3)
	var gaps []time.Duration
	for round := range number("MUSTER_OUTAGES", 2) {
		allReady(t, c)
		leader, rest := split(t, c)
		away, other := rest[0], rest[1]
		stopped := round%2 == 0
		if stopped {
			if err := away.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		} else {
			away.Kill()
		}
		stop := time.Now().Add(12 * time.Second)
		for i := 0; time.Now().Before(stop); i++ {
			mustWrite(t, other)
			time.Sleep(20 * time.Millisecond)
		}
		back := time.Now()
		var err error
		if stopped {
			err = away.Signal(syscall.SIGCONT)
		} else {
			err = away.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if now, _ := split(t, c); now != leader {
			t.Fatalf("%s leads since %s came back", now.Name, away.Name)
		}
		allReady(t, c)
		t.Logf("stopped %t: ready %v after it came back", stopped, time.Since(back).Round(time.Millisecond))
		begin := time.Now()
		leader.Kill()
		gaps = append(gaps, gap(t, rest, begin))
		if err := leader.Start(); err != nil {
			t.Fatal(err)
		}
	}
	judge(t, gaps)
}
