package registry

import (
	"sync"
)

// A View is a service as it was at one revision: its instances, merged from
// all clients and from Raft and with overlays applied. It never changes, and
// all readers share it.
type View struct {
	Service     ServiceKey
	Revision    uint64
	Kind        Kind
	Declaration *Declaration // nil: nobody said anything
	Hosts       []*Instance
	Unverified  bool // made before this server knew all: instances may be missing

	reg  *Registry
	mu   sync.Mutex
	memo []memo
}

// View returns the service as it is now.
func (s *Service) View() *View {
	if v := s.view.Load(); v != nil {
		return v
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.view.Load(); v != nil {
		return v
	}
	v := s.build()
	s.view.Store(v)
	return v
}

// build makes the view. The caller holds s.mu.
func (s *Service) build() *View {
	v := &View{Service: s.key, Revision: s.rev, Kind: s.kind, reg: s.reg, Unverified: !s.reg.complete(s.kind)}
	n := s.count
	if s.settled != nil {
		v.Declaration = s.settled.decl
		n += len(s.settled.instances)
	}
	all := make([]host, 0, n)
	for _, p := range s.pubs {
		stale := p.client.owner != nil && p.era < p.client.owner.era.Load()
		for i := range p.list {
			all = append(all, host{inst: &p.list[i], stamp: p.stamp, stale: stale})
		}
	}
	if s.settled != nil {
		for _, i := range s.settled.instances {
			all = append(all, host{inst: i})
		}
	}
	all = dedupe(all)
	v.Hosts = make([]*Instance, len(all))
	for n, h := range all {
		v.Hosts[n] = h.inst
		if s.settled != nil && len(s.settled.overlays) > 0 {
			v.Hosts[n] = s.settled.overlays[h.inst.Key()].apply(h.inst)
		}
	}
	return v
}

// missing is the view of a service that is not there. It is as new as the
// clock is, less one, so that what comes next is newer.
func (r *Registry) missing(key ServiceKey) *View {
	return &View{Service: key, Revision: r.clock.now() - 1, reg: r, Unverified: !r.complete(KindOpen)}
}

// Find returns an instance.
func (v *View) Find(key InstanceKey) *Instance {
	for _, h := range v.Hosts {
		if h.Port == key.Port && h.IP == key.IP && h.Cluster == key.Cluster {
			return h
		}
	}
	return nil
}

// Clusters returns the names of the clusters that have instances, in the
// order they are met.
func (v *View) Clusters() []string {
	var names []string
	seen := make(map[string]bool)
	for _, h := range v.Hosts {
		if !seen[h.Cluster] {
			seen[h.Cluster] = true
			names = append(names, h.Cluster)
		}
	}
	return names
}

// Healthy counts the healthy instances.
func (v *View) Healthy() int {
	n := 0
	for _, h := range v.Hosts {
		if h.Healthy {
			n++
		}
	}
	return n
}

// Protected reports whether so many of the instances are unhealthy that the
// service's threshold is reached.
func (v *View) Protected() bool {
	return len(v.Hosts) > 0 && v.Declaration != nil &&
		float64(v.Healthy())/float64(len(v.Hosts)) <= v.Declaration.Threshold
}
