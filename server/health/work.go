package health

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// proposeTimeout is how long the servers may take to agree on a result. A
// result that they do not agree on comes again with the next check.
const proposeTimeout = 5 * time.Second

// dispatch hands what is due to workers.
func (m *Monitor) dispatch(ctx context.Context, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.wheel.advance(now, m.due.push)
	for n := m.due.len(); n > 0 && m.working < m.workers; n-- {
		m.working++
		m.wg.Go(func() { m.work(ctx) })
	}
}

// work checks one target after another until none is due.
func (m *Monitor) work(ctx context.Context) {
	for {
		t, p := m.next(ctx)
		if t == nil {
			return
		}
		begin := time.Now()
		sw := m.reg.Switches()
		if !m.reg.IsReady() || !enabled(sw, p.Service) {
			m.skip(t)
			continue
		}
		err := m.prober.Probe(ctx, p)
		if ctx.Err() != nil {
			continue // it says nothing of the target
		}
		m.found(ctx, t, p, sw, err, time.Since(begin))
	}
}

// next returns what is to be checked next. Without anything to do, the caller
// is a worker no more.
func (m *Monitor) next(ctx context.Context) (*target, Target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ctx.Err() == nil {
		t := m.due.pop()
		if t == nil {
			break
		}
		if t.gone {
			continue
		}
		m.stats.Lag = time.Since(t.at)
		return t, Target{Service: t.key, Host: t.addr.ip, Port: t.port, Checker: t.checker}
	}
	m.working--
	return nil, Target{}
}

// enabled reports whether an operator wants a service be checked.
func enabled(sw registry.Switches, key registry.ServiceKey) bool {
	return sw.HealthCheck || slices.Contains(sw.HealthCheckWhiteList, key.Grouped())
}

// skip leaves a target for another time. What was found of it is out of date
// by then.
func (m *Monitor) skip(t *target) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t.streak = 0
	if !t.gone {
		m.schedule(t, time.Now())
	}
}

// found takes in what a check has found.
func (m *Monitor) found(ctx context.Context, t *target, p Target, sw registry.Switches, probeErr error, took time.Duration) {
	ok := probeErr == nil
	m.mu.Lock()
	m.stats.count(p.Checker.Type, ok)
	changed := false
	if !t.gone && p.Port == t.port && *p.Checker == *t.checker { // else it was another check
		changed = t.note(ok, max(sw.CheckTimes, 1))
	}
	m.mu.Unlock()
	if changed {
		m.propose(ctx, t, ok, probeErr)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.gone {
		return
	}
	pace := interval(sw, t.checker.Type)
	if !ok && t.streak >= max(sw.CheckTimes, 1) {
		took = pace.longest // it will not be back in a moment
	}
	t.pace = pace.after(t.pace, took)
	m.schedule(t, time.Now())
}

// propose has the servers agree on a result. The registry then tells of the
// change, which is how the target learns of it; until it does, each further
// check proposes again.
func (m *Monitor) propose(ctx context.Context, t *target, healthy bool, why error) {
	ctx, cancel := context.WithTimeout(ctx, proposeTimeout)
	defer cancel()
	err := m.reg.SetHealth(ctx, t.key, t.addr.ip, t.addr.port, healthy)
	log := m.log.With("service", t.key.String(), "ip", t.addr.ip, "port", t.addr.port, "healthy", healthy)
	switch {
	case err == nil:
		m.count(&m.stats.Changes)
		log.Info("health of an instance", "reason", why)
	case errors.Is(err, registry.ErrNoInstance): // it was deregistered a moment ago
	default:
		if m.count(&m.stats.Unsaved) {
			log.Warn("health of an instance could not be kept; more of these are counted only", "err", err)
		}
	}
}

// warnEvery is how often it is logged that results are not kept. Without a
// quorum there is one with each check.
const warnEvery = 10 * time.Second

// count counts, and reports whether that was not logged for a while.
func (m *Monitor) count(n *uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	*n++
	now := time.Now()
	if n != &m.stats.Unsaved || now.Sub(m.warned) < warnEvery {
		return false
	}
	m.warned = now
	return true
}
