package registry

import (
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// An owner is another server, with the clients it holds.
//
// Its eras separate its lives, as this server sees them. What was last heard
// in an earlier era is stale: it stays listed for a grace period, in which its
// clients come back to that server or to another, and is removed then.
type owner struct {
	id  string
	era atomic.Uint32

	mu      sync.Mutex
	clients map[ClientID]*Client
	down    bool
	expiry  time.Time // when what is stale goes; zero: nothing is
}

func (r *Registry) owner(id string) *owner {
	r.ownersMu.Lock()
	defer r.ownersMu.Unlock()
	o := r.owners[id]
	if o == nil {
		o = &owner{id: id, clients: make(map[ClientID]*Client)}
		r.owners[id] = o
	}
	return o
}

// ApplyPublication takes in what another server says of a client of its own.
// What it says of a client of this server is ignored: nobody else knows better.
func (r *Registry) ApplyPublication(server string, id ClientID, key ServiceKey, p Publication) error {
	if server == r.self {
		return nil
	}
	if err := key.Validate(); err != nil {
		return fmt.Errorf("publication of %s by %s: %w", id, server, err)
	}
	r.ObserveClock(p.Stamp)
	if p.Stamp > r.clock.now() {
		p.Stamp = r.clock.now() // a clock beyond belief
	}
	if int(r.instances.Load()) >= r.limits.Instances {
		return fmt.Errorf("%w: %d instances", ErrLimit, r.instances.Load())
	}
	if len(p.Instances) == 0 {
		r.ApplyRemoval(server, id, key)
		return nil
	}
	o := r.owner(server)
	o.mu.Lock()
	defer o.mu.Unlock()
	era := o.heard(r.grace)
	c := o.clients[id]
	if c == nil {
		c = &Client{id: id, seq: r.own.seq.Add(1), owner: o}
		o.clients[id] = c
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.updated = time.Now()
	s := r.obtain(key)
	first := s.show()
	if at, ok := s.find(c); ok && s.pubs[at].stamp >= p.Stamp && equalInstances(s.pubs[at].list, p.Instances) {
		s.pubs[at].era = era // heard again, and nothing new
		s.mu.Unlock()
		return nil
	}
	if s.kind == KindOpen {
		s.kind = KindEphemeral
	}
	s.publish(c, p.Instances, p.Stamp).era = era
	s.bump(p.Stamp)
	s.mu.Unlock()
	r.tell(s, first)
	return nil
}

// ApplyRemoval takes in that a client of another server has deregistered or
// has disconnected.
func (r *Registry) ApplyRemoval(server string, id ClientID, key ServiceKey) {
	if server == r.self {
		return
	}
	o := r.owner(server)
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clients[id]
	s := r.index.lookup(key)
	if c == nil || s == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	r.removeForeign(o, c, s)
}

// removeForeign: the caller holds o.mu and c.mu.
func (r *Registry) removeForeign(o *owner, c *Client, s *Service) {
	s.mu.Lock()
	removed := s.retract(c)
	if removed {
		s.bump(0)
	}
	s.mu.Unlock()
	if removed {
		r.observer.Changed(s)
	}
	if len(c.pubs) == 0 {
		delete(o.clients, c.id)
	}
}

// OwnerUp says that a server is there. If it was away for less than the grace
// period, and is the same process, all that was known of it still counts.
func (r *Registry) OwnerUp(server string) {
	if server == r.self {
		return
	}
	o := r.owner(server)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down {
		return
	}
	o.down = false
	if o.expiry.IsZero() {
		return
	}
	era, stale := o.era.Load(), 0
	o.eachPublication(func(p *publication) {
		switch {
		case p.era == era-1:
			p.era = era
		case p.era < era:
			stale++ // of a life before the last
		}
	})
	if stale == 0 {
		o.expiry = time.Time{}
	}
}

// OwnerDown says that a server was found dead. Its clients stay listed for the
// grace period, while they connect to other servers.
func (r *Registry) OwnerDown(server string) { r.ownerGone(server, r.grace) }

// OwnerLeft says that a server has left just now. It has asked its clients to
// move, but not all of them understand that: those find out when it has ended,
// and some look only every few seconds.
func (r *Registry) OwnerLeft(server string) { r.ownerGone(server, r.grace+r.unnoticed) }

func (r *Registry) ownerGone(server string, grace time.Duration) {
	if server == r.self {
		return
	}
	o := r.owner(server)
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.down {
		o.down = true
		o.beginEra(grace)
	}
}

// OwnerRestarted says that a server has begun anew: what it says from now on
// is all there is, and what it said before is stale. It is to be called before
// anything of the new life is applied.
func (r *Registry) OwnerRestarted(server string) {
	if server == r.self {
		return
	}
	o := r.owner(server)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = false
	o.beginEra(r.grace + r.unnoticed) // it may have ended a moment ago
}

// Remembers returns for how long this server still lists what a server held
// that has just begun anew: zero if it held nothing. It is to be asked before
// the new life says anything, and whether this server has heard of it or not.
func (r *Registry) Remembers(server string) time.Duration {
	r.ownersMu.Lock()
	o := r.owners[server]
	r.ownersMu.Unlock()
	if o == nil {
		return 0
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	held := false
	o.eachPublication(func(*publication) { held = true })
	switch {
	case !held:
		return 0
	case o.expiry.IsZero():
		return r.grace + r.unnoticed // from when it hears of it
	}
	return max(0, time.Until(o.expiry))
}

// beginEra makes all of the owner stale. It does not shorten an earlier grace:
// a server that begins anew is often found dead by that. The caller holds o.mu.
func (o *owner) beginEra(grace time.Duration) {
	o.era.Add(1)
	if expiry := time.Now().Add(grace); expiry.After(o.expiry) {
		o.expiry = expiry
	}
}

// heard returns the era of what is heard now. Of a server that is gone, its
// last words may still be on their way. The caller holds o.mu.
func (o *owner) heard(grace time.Duration) uint32 {
	era := o.era.Load()
	if !o.down {
		return era
	}
	if o.expiry.IsZero() {
		o.expiry = time.Now().Add(grace)
	}
	return era - 1
}

// eachPublication: the caller holds o.mu.
func (o *owner) eachPublication(f func(*publication)) {
	for _, c := range o.clients {
		c.mu.Lock()
		for _, p := range c.pubs {
			p.svc.mu.Lock() // a view may be in the making
			f(p)
			p.svc.mu.Unlock()
		}
		c.mu.Unlock()
	}
}

// sweepOwners removes what has been stale for the grace period.
func (r *Registry) sweepOwners(now time.Time) {
	r.ownersMu.Lock()
	var due []*owner
	for _, o := range r.owners {
		o.mu.Lock()
		if !o.expiry.IsZero() && !now.Before(o.expiry) {
			due = append(due, o)
		}
		o.mu.Unlock()
	}
	r.ownersMu.Unlock()
	for _, o := range due {
		r.sweepOwner(o, now)
	}
}

func (r *Registry) sweepOwner(o *owner, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.expiry.IsZero() || now.Before(o.expiry) {
		return // it came back just now
	}
	o.expiry = time.Time{}
	era := o.era.Load()
	removed := 0
	for _, c := range o.clients {
		c.mu.Lock()
		var stale []*Service
		for _, p := range c.pubs {
			if p.era < era {
				stale = append(stale, p.svc)
			}
		}
		for _, s := range stale {
			r.removeForeign(o, c, s)
			removed++
		}
		c.mu.Unlock()
	}
	if removed > 0 {
		r.log.Info("removed what a server that is gone had registered", slog.String("server", o.id), slog.Int("registrations", removed))
	}
}
