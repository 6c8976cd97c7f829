package health

import (
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// firstDelay is how long after an instance appeared it is checked, at least.
const firstDelay = 2 * time.Second

// A service has persistent instances. Those that this server checks are
// targets.
type service struct {
	revision uint64
	mine     bool
	targets  map[address]*target
}

type address struct {
	ip   string
	port uint16
}

// A target is an instance that is checked. The monitor's mutex guards it.
type target struct {
	key     registry.ServiceKey
	addr    address // of the instance
	port    uint16  // that is checked
	checker *registry.Checker

	healthy bool // what the servers have agreed on
	gone    bool // nobody needs it any more
	last    bool // what the last check found
	streak  int  // how many checks in a row found that
	pace    time.Duration
	at      time.Time // when it is due
}

// sweep looks at all services: at those that changed unnoticed, and at those
// that another server is responsible for by now, or this one.
func (m *Monitor) sweep() {
	for key, s := range m.services {
		if s.mine != m.responsible(key) || s.mine && s.revision != m.reg.View(key).Revision {
			m.reconcile(key)
		}
	}
}

// reconcile makes the targets of a service be its instances. A server that is
// not responsible for the service notes just that it is there: its view, which
// takes time with its size, is made by those who need it.
func (m *Monitor) reconcile(key registry.ServiceKey) {
	if !m.responsible(key) {
		m.leave(key)
		return
	}
	v := m.reg.View(key)
	if v.Kind != registry.KindPersistent || len(v.Hosts) == 0 {
		m.forget(key)
		return
	}
	s := m.service(key)
	s.revision, s.mine = v.Revision, true
	m.replace(s, m.targets(v))
}

// leave leaves a service to another server, until that one is gone.
func (m *Monitor) leave(key registry.ServiceKey) {
	if live, listed := m.reg.Lookup(key); !listed || live.Kind() != registry.KindPersistent {
		m.forget(key)
		return
	}
	s := m.service(key)
	s.mine = false
	m.replace(s, nil)
}

func (m *Monitor) service(key registry.ServiceKey) *service {
	s := m.services[key]
	if s == nil {
		s = new(service)
		m.services[key] = s
	}
	return s
}

func (m *Monitor) forget(key registry.ServiceKey) {
	if s := m.services[key]; s != nil {
		delete(m.services, key)
		m.replace(s, nil)
	}
}

// targets returns what is to be checked of a service.
func (m *Monitor) targets(v *registry.View) map[address]*target {
	out := make(map[address]*target, len(v.Hosts))
	clusters := make(map[string]*registry.Cluster)
	for _, h := range v.Hosts {
		c := clusters[h.Cluster]
		if c == nil {
			settings := v.Declaration.Cluster(h.Cluster)
			c = &settings
			clusters[h.Cluster] = c
		}
		if h.Ephemeral || !checked(c.Checker.Type) {
			continue
		}
		t := &target{
			key: v.Service, addr: address{h.IP, h.Port}, port: c.CheckPort, checker: &c.Checker, healthy: h.Healthy,
		}
		if c.UseInstancePort {
			t.port = h.Port
		}
		out[t.addr] = t
	}
	return out
}

func checked(kind string) bool {
	return kind == registry.CheckTCP || kind == registry.CheckHTTP || kind == registry.CheckMySQL
}

// replace makes a service have other targets. Of a target that stays, what was
// found of it stays too.
func (m *Monitor) replace(s *service, next map[address]*target) {
	sw := m.reg.Switches()
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for addr, t := range next {
		old := s.targets[addr]
		if old == nil {
			t.pace = firstDelay + rand.N(interval(sw, t.checker.Type).longest+1)
			m.schedule(t, now)
			continue
		}
		if old.port != t.port || *old.checker != *t.checker {
			old.streak = 0 // of another check
		}
		old.port, old.checker, old.healthy = t.port, t.checker, t.healthy
		next[addr] = old
	}
	for addr, t := range s.targets {
		t.gone = next[addr] != t
	}
	m.stats.Targets += len(next) - len(s.targets)
	s.targets = next
}

// schedule has a target checked when its pace says. The caller holds m.mu.
func (m *Monitor) schedule(t *target, now time.Time) {
	t.at = now.Add(t.pace)
	m.wheel.add(t)
}

// note takes in a result and reports whether it is for the servers to agree
// on. The caller holds m.mu.
func (t *target) note(ok bool, times int) bool {
	if t.last != ok || t.streak == 0 {
		t.last, t.streak = ok, 0
	}
	t.streak = min(t.streak+1, times)
	return t.streak >= times && t.healthy != ok
}

// pacing bounds the time between two checks.
type pacing struct {
	shortest, longest time.Duration
	factor            float64
}

func interval(sw registry.Switches, kind string) pacing {
	p := sw.TCP
	switch kind {
	case registry.CheckHTTP:
		p = sw.HTTP
	case registry.CheckMySQL:
		p = sw.MySQL
	}
	return pacing{time.Duration(p.Min) * time.Millisecond, time.Duration(p.Max) * time.Millisecond, p.Factor}
}

// after returns the pace that follows one at which a check took some time.
func (p pacing) after(pace, took time.Duration) time.Duration {
	next := time.Duration(p.factor*float64(pace) + (1-p.factor)*float64(took))
	return min(max(next, p.shortest), p.longest)
}
