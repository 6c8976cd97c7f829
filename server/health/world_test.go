package health

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// plane is the persistent plane of a cluster of one: what is proposed is
// applied at once.
type plane struct {
	mu    sync.Mutex
	reg   *registry.Registry
	index uint64
	down  error
}

func (p *plane) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil {
		return nil, p.down
	}
	p.index++
	return p.reg.Apply(p.index, command), nil
}

func (p *plane) Linearizable(context.Context) error { return nil }

func (p *plane) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = err
}

// counted is a registry that counts what is proposed.
type counted struct {
	*registry.Registry
	mu       sync.Mutex
	proposed []string
}

func (c *counted) SetHealth(ctx context.Context, key registry.ServiceKey, ip string, port uint16, healthy bool) error {
	c.mu.Lock()
	c.proposed = append(c.proposed, fmt.Sprint(ip, ":", port, " ", healthy))
	c.mu.Unlock()
	return c.Registry.SetHealth(ctx, key, ip, port, healthy)
}

// probes is a prober that finds what it is told to.
type probes struct {
	mu      sync.Mutex
	err     map[string]error // by host
	took    time.Duration
	asked   []asked
	working int
	most    int
}

type asked struct {
	Target
	at time.Time
}

func (p *probes) Probe(ctx context.Context, t Target) error {
	p.mu.Lock()
	p.asked = append(p.asked, asked{t, time.Now()})
	err, took := p.err[t.Host], p.took
	p.working++
	p.most = max(p.most, p.working)
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.working--
		p.mu.Unlock()
	}()
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (p *probes) set(host string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err[host] = err
}

// slow makes all checks take that long.
func (p *probes) slow(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = took
}

// times returns when a host was asked.
func (p *probes) times(host string) (out []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.asked {
		if a.Host == host {
			out = append(out, a.at)
		}
	}
	return out
}

func (c *counted) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.proposed
}

// world is a registry with a monitor, in virtual time.
type world struct {
	t       *testing.T
	reg     *counted
	plane   *plane
	probes  *probes
	monitor *Monitor
	stop    func()
}

var svc = registry.Key("", "", "svc")

func inWorld(t *testing.T, o Options, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, probes: &probes{err: make(map[string]error)}}
		w.reg = &counted{Registry: registry.New(registry.Options{Self: "a"})}
		w.plane = &plane{reg: w.reg.Registry}
		w.reg.Use(nil, w.plane)
		o.Registry = w.reg
		if o.Prober == nil {
			o.Prober = w.probes
		}
		w.monitor = New(o)
		w.reg.Observe(w.monitor)
		w.reg.Ready(0)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.monitor.Run(ctx) }()
		w.stop = func() { cancel(); <-done }
		defer w.stop()
		f(w)
	})
}

func (w *world) register(ip string, healthy bool) {
	w.t.Helper()
	must(w.t, w.reg.RegisterPersistent(w.t.Context(), svc, registry.Instance{IP: ip, Port: 80, Weight: 1, Healthy: healthy, Enabled: true}))
}

func (w *world) healthy(ip string) bool {
	w.t.Helper()
	i := w.reg.View(svc).Find(registry.InstanceKey{IP: ip, Port: 80, Cluster: "DEFAULT"})
	if i == nil {
		w.t.Fatal("no instance", ip)
	}
	return i.Healthy
}

// until waits for checks of a host, counted from the beginning.
func (w *world) until(host string, checks int) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Hour); len(w.probes.times(host)) < checks; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("%d checks of %s in an hour, not %d", len(w.probes.times(host)), host, checks)
		}
	}
	synctest.Wait()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
