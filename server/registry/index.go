package registry

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const shardCount = 64

// index finds services by name. Shards keep writers of different services
// from waiting for each other.
type index struct {
	seed   maphash.Seed
	shards [shardCount]shard
	names  names

	lists lists
	count atomic.Int64 // listed services
}

type shard struct {
	mu       sync.RWMutex
	services map[ServiceKey]*Service
}

func (x *index) shard(key ServiceKey) *shard {
	return &x.shards[maphash.Comparable(x.seed, key)%shardCount]
}

// lookup returns a service, nil if it is not in the index.
func (x *index) lookup(key ServiceKey) *Service {
	sh := x.shard(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	return sh.services[key]
}

// obtain returns a service, locked, and puts it into the index if need be.
func (r *Registry) obtain(key ServiceKey) *Service {
	for {
		s := r.index.lookup(key)
		if s == nil {
			s = r.insert(key)
		}
		s.mu.Lock()
		if !s.gone {
			return s
		}
		s.mu.Unlock() // swept a moment ago
	}
}

func (r *Registry) insert(key ServiceKey) *Service {
	sh := r.index.shard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s := sh.services[key]; s != nil {
		return s
	}
	own := ServiceKey{
		Namespace: r.index.names.acquire(key.Namespace),
		Group:     r.index.names.acquire(key.Group),
		Name:      strings.Clone(key.Name),
	}
	s := &Service{key: own, reg: r, rev: r.clock.now(), emptySince: time.Now()}
	sh.services[own] = s
	return s
}

// drop takes a service out of the index. The caller holds s.mu and has seen
// that nothing needs it.
func (r *Registry) drop(s *Service) {
	s.gone = true
	sh := r.index.shard(s.key)
	sh.mu.Lock()
	delete(sh.services, s.key)
	sh.mu.Unlock()
	r.index.names.release(s.key.Namespace)
	r.index.names.release(s.key.Group)
}

// each calls f with each service until it returns false. Services that come
// and go meanwhile may be among them or not.
func (x *index) each(f func(*Service) bool) {
	var buf []*Service
	for i := range x.shards {
		sh := &x.shards[i]
		buf = buf[:0]
		sh.mu.RLock()
		for _, s := range sh.services {
			buf = append(buf, s)
		}
		sh.mu.RUnlock()
		for _, s := range buf {
			if !f(s) {
				return
			}
		}
	}
}

// Each calls f with each service until it returns false, also with those that
// are not listed. Services that come and go meanwhile may be among them or not.
func (r *Registry) Each(f func(*Service) bool) { r.index.each(f) }

// list notes that a service is listed from now on, or no longer.
func (x *index) list(s *Service, listed bool) {
	if listed {
		x.count.Add(1)
	} else {
		x.count.Add(-1)
	}
	x.lists.note(s, listed)
}

// Services returns the listed services of a namespace, in order of group and
// name. The slice is shared: it must not be changed.
func (r *Registry) Services(namespace string) []*Service { return r.index.lists.get(namespace) }

// CountServices returns how many services are listed.
func (r *Registry) CountServices() int { return int(r.index.count.Load()) }

// NamespacesInUse returns the namespaces that have a service, in order: those
// that were never created as well.
func (r *Registry) NamespacesInUse() []string { return r.index.lists.namespaces() }

// Lookup returns a service that is listed.
func (r *Registry) Lookup(key ServiceKey) (*Service, bool) {
	s := r.index.lookup(key)
	if s == nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s, s.listed
}

// View returns a service as it is now, an empty one if it is not there.
func (r *Registry) View(key ServiceKey) *View {
	if s := r.index.lookup(key); s != nil {
		return s.View()
	}
	return r.missing(key)
}
