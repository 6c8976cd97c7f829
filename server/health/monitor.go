package health

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// A Registry is what has the instances. [registry.Registry] is one.
type Registry interface {
	// IsReady reports whether the registry knows what there is.
	IsReady() bool
	// Each calls f with each service until it returns false.
	Each(f func(*registry.Service) bool)
	// Lookup returns a service that is listed.
	Lookup(registry.ServiceKey) (*registry.Service, bool)
	View(registry.ServiceKey) *registry.View
	Switches() registry.Switches
	// SetHealth returns once all servers agree, and it can be read here.
	SetHealth(ctx context.Context, key registry.ServiceKey, ip string, port uint16, healthy bool) error
}

// A Prober checks one instance. It returns nil if the instance is healthy, or
// why it is not, and soon after ctx ends.
type Prober interface {
	Probe(ctx context.Context, t Target) error
}

// A Target is what is checked.
type Target struct {
	Service registry.ServiceKey
	Host    string // an address or a name
	Port    uint16 // that is checked, perhaps not the instance's
	Checker *registry.Checker
}

// Options make a Monitor. What is left out has a default.
type Options struct {
	Registry Registry
	// Responsible reports whether this server checks a service. It must be so
	// for one server at a time, or nearly. Nil: this server checks all.
	Responsible func(registry.ServiceKey) bool
	// Workers bounds the checks at a time: 256.
	Workers int
	// Deny are addresses that are never connected to: nil is [DefaultDeny].
	Deny []netip.Prefix
	// Prober checks; nil: TCP, HTTP and MySQL are checked.
	Prober Prober
	Logger *slog.Logger
}

// Monitor checks persistent instances. It is a [registry.Observer] and must be
// told what the registry tells.
type Monitor struct {
	reg         Registry
	responsible func(registry.ServiceKey) bool
	prober      Prober
	workers     int
	log         *slog.Logger

	marks    marks
	services map[registry.ServiceKey]*service // seen by Run alone

	mu      sync.Mutex // guards what follows, and all targets
	wheel   wheel
	due     queue
	working int
	stats   Stats
	warned  time.Time
	wg      sync.WaitGroup // the workers
}

// New makes a monitor. [Monitor.Run] makes it work.
func New(o Options) *Monitor {
	if o.Responsible == nil {
		o.Responsible = func(registry.ServiceKey) bool { return true }
	}
	if o.Workers == 0 {
		o.Workers = 256
	}
	if o.Prober == nil {
		if o.Deny == nil {
			o.Deny = DefaultDeny()
		}
		o.Prober = NewProbes(o.Deny)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Monitor{
		reg: o.Registry, responsible: o.Responsible, prober: o.Prober, workers: o.Workers, log: o.Logger,
		services: make(map[registry.ServiceKey]*service),
	}
	m.marks.init()
	m.wheel.init(time.Now())
	return m
}

// sweepEvery is how soon a service is taken over at the latest, if nobody
// calls Rebalance, and how long a change that was missed stays so.
const sweepEvery = 5 * time.Second

// Run checks until ctx ends, and returns when all checks have.
func (m *Monitor) Run(ctx context.Context) {
	defer m.wg.Wait()
	m.reg.Each(func(s *registry.Service) bool {
		m.Changed(s)
		return ctx.Err() == nil
	})
	timer := time.NewTimer(0)
	defer timer.Stop()
	var looked, next, swept time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.marks.wake:
			// What changes at once is looked at together.
			timer.Reset(wheelTick - min(time.Since(looked), wheelTick))
			continue
		case <-timer.C:
		}
		if looked = time.Now(); !looked.Before(next) {
			swept = m.look(looked, swept)
			next = looked.Add(lookShare * time.Since(looked))
		}
		m.dispatch(ctx, time.Now())
		timer.Reset(m.pause())
	}
}

// lookShare bounds the time spent looking at services to a part of all: a
// service of 100,000 instances that all go down at once has as many changes.
const lookShare = 10

// look reconciles what is marked, and now and then sweeps. It returns when it
// has swept last.
func (m *Monitor) look(now, swept time.Time) time.Time {
	keys, all := m.marks.take()
	if all || now.Sub(swept) >= sweepEvery {
		swept = now
		m.sweep()
	}
	for key := range keys {
		m.reconcile(key)
	}
	return swept
}

// pause is how long nothing is to be done, unless somebody marks something.
func (m *Monitor) pause() time.Duration {
	if m.marks.any() {
		return wheelTick
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.wheel.count > 0 || m.working > 0 { // what is checked now will be due again
		return wheelTick
	}
	return sweepEvery
}

// Rebalance says that Responsible may answer otherwise than before.
func (m *Monitor) Rebalance() { m.marks.addAll() }

// Changed is called by the registry.
func (m *Monitor) Changed(s *registry.Service) {
	if s.Kind() == registry.KindPersistent {
		m.marks.add(s.Key())
	}
}

// Added is called by the registry; Changed follows.
func (m *Monitor) Added(registry.ServiceKey) {}

// Removed is called by the registry.
func (m *Monitor) Removed(key registry.ServiceKey) { m.marks.add(key) }
