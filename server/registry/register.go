package registry

import (
	"errors"
	"fmt"
	"time"
)

// Register publishes what a connected client says of a service: one instance,
// or a batch. It replaces what the client said of the service before.
func (r *Registry) Register(id ClientID, key ServiceKey, list []Instance) error {
	if err := r.check(key, list); err != nil {
		return err
	}
	c := r.own.get(id)
	if c == nil {
		return gone(id)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return gone(id)
	}
	_, err := r.put(c, key, list)
	return err
}

func gone(id ClientID) error {
	return &remoteError{kind: ErrClientGone, text: fmt.Sprintf("Client [%s] connection already disconnect, can't register ephemeral instance.", id)}
}

// check validates a registration and fills in what it leaves out.
func (r *Registry) check(key ServiceKey, list []Instance) error {
	if err := key.Validate(); err != nil {
		return err
	}
	if len(list) == 0 {
		return invalid("instances", "instances is empty")
	}
	for i := range list {
		if !list[i].Ephemeral {
			return invalid("ephemeral", "Current service %s: a persistent instance is not registered by a client", key.Grouped())
		}
		if err := r.limits.normalize(&list[i]); err != nil {
			return err
		}
		r.identify(key, &list[i])
	}
	return nil
}

// put publishes, first to the other servers and then here. The caller holds
// c.mu, so that both see the same order.
func (r *Registry) put(c *Client, key ServiceKey, list []Instance) (*publication, error) {
	s := r.obtain(key)
	stamp, err := r.admit(s, c, len(list))
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if err := r.ephemeral.Put(c.id, s.key, Publication{Instances: list, Stamp: stamp}); err != nil {
		return nil, fmt.Errorf("registering in %s: %w", key.Grouped(), err)
	}
	if s.mu.Lock(); s.gone {
		s.mu.Unlock()
		s = r.obtain(key)
	}
	if err := s.claim(KindEphemeral); err != nil { // decided since, by Raft
		s.mu.Unlock()
		return nil, errors.Join(err, r.ephemeral.Remove(c.id, s.key))
	}
	p := s.publish(c, list, stamp)
	first := s.show()
	s.bump(stamp)
	s.mu.Unlock()
	c.updated = time.Now()
	r.tell(s, first)
	return p, nil
}

// admit decides whether a client may publish n instances, and with which
// stamp. The caller holds c.mu and s.mu.
func (r *Registry) admit(s *Service, c *Client, n int) (stamp uint64, err error) {
	before := 0
	if at, ok := s.find(c); ok {
		before = len(s.pubs[at].list)
	}
	more := n - before
	switch {
	case s.kind == KindPersistent:
		return 0, kindError(s.key, s.kind)
	case more <= 0:
	case s.count+more > r.limits.PerService:
		return 0, fmt.Errorf("%w: service %s has %d instances", ErrLimit, s.key.Grouped(), s.count)
	case c.instances+more > r.limits.PerClient:
		return 0, fmt.Errorf("%w: client %s has %d instances", ErrLimit, c.id, c.instances)
	case int(r.instances.Load())+more > r.limits.Instances:
		return 0, fmt.Errorf("%w: %d instances", ErrLimit, r.instances.Load())
	case !s.listed && int(r.index.count.Load()) >= r.limits.Services:
		return 0, fmt.Errorf("%w: %d services", ErrLimit, r.index.count.Load())
	}
	return max(r.clock.now(), s.rev+1), nil
}

// Deregister takes out what a client has published of a service. That there
// is nothing of the kind is no error.
func (r *Registry) Deregister(id ClientID, key ServiceKey) error {
	c := r.own.get(id)
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := r.remove(c, key); err != nil {
		return err
	}
	r.forgetAddress(c)
	return nil
}

// remove: the caller holds c.mu.
func (r *Registry) remove(c *Client, key ServiceKey) error {
	s := r.index.lookup(key)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	_, ok := s.find(c)
	s.mu.Unlock()
	if !ok {
		return nil
	}
	if err := r.ephemeral.Remove(c.id, s.key); err != nil {
		return fmt.Errorf("deregistering from %s: %w", key.Grouped(), err)
	}
	s.mu.Lock()
	s.retract(c)
	s.bump(0)
	s.mu.Unlock()
	c.updated = time.Now()
	r.observer.Changed(s)
	return nil
}

// sweepServices drops services that have been empty for a while.
func (r *Registry) sweepServices(now time.Time) {
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		removed := false
		if !s.emptySince.IsZero() && now.Sub(s.emptySince) >= r.emptyAfter {
			removed = s.hide()
			if len(s.subscribers) == 0 && s.settled == nil && !s.gone {
				r.drop(s)
			}
		}
		s.mu.Unlock()
		if removed {
			r.observer.Removed(s.key)
		}
		return true
	})
}
