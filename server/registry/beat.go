package registry

import (
	"fmt"
	"time"
)

// beat is what is known of the beats for one instance.
type beat struct {
	last    time.Time
	timeout time.Duration
	pub     *publication
}

// A BeatReply is the answer to a beat.
type BeatReply struct {
	Known    bool          // false: register the instance, it is not there
	Interval time.Duration // until the next one
}

// RegisterAddress registers an ephemeral instance of a client that has no
// connection. It stays while the client beats.
func (r *Registry) RegisterAddress(key ServiceKey, i Instance) error {
	return r.registerAddress(key, i, time.Now())
}

// AdoptAddress takes over an instance of such a client from a server that is
// gone, and that can have heard of it until last. One that was found silent
// there has been so for its timeout at least. So a client that died with its
// server does not stay for longer than one that died alone.
func (r *Registry) AdoptAddress(key ServiceKey, i Instance, last time.Time) error {
	if !i.Healthy {
		last = last.Add(-i.Meta.BeatTimeout())
	}
	return r.registerAddress(key, i, last)
}

// registerAddress registers an instance that has last beaten then.
func (r *Registry) registerAddress(key ServiceKey, i Instance, last time.Time) error {
	list := []Instance{i}
	if err := r.check(key, list); err != nil {
		return err
	}
	c, err := r.obtainAddress(AddressClient(i.IP, i.Port, true))
	if err != nil {
		return err
	}
	defer c.mu.Unlock()
	defer r.forgetAddress(c)
	return r.putAddress(c, key, list, last)
}

// putAddress: the caller holds c.mu.
func (r *Registry) putAddress(c *Client, key ServiceKey, list []Instance, last time.Time) error {
	p, err := r.put(c, key, list)
	if err != nil {
		return err
	}
	r.watchBeats(p, p.heldTo().BeatTimeout(), last)
	if last.After(p.beat.last) {
		p.beat.last = last
	}
	return nil
}

// watchBeats has a publication looked at when its timeout is over. The caller
// holds the mutex of its client.
func (r *Registry) watchBeats(p *publication, timeout time.Duration, last time.Time) {
	if p.beat != nil && p.beat.timeout == timeout {
		return
	}
	p.beat = &beat{pub: p, timeout: timeout} // the wheel finds that the old one is not p's
	r.beats.add(p.beat, last.Add(timeout))
}

// Beat takes in a beat for an instance. full is the instance if the beat
// carries it, and registers it if it is not there: some clients know no other
// way to come back.
func (r *Registry) Beat(key ServiceKey, ip string, port uint16, full *Instance) (BeatReply, error) {
	unknown := BeatReply{Interval: r.switches.beatInterval()}
	if err := key.Validate(); err != nil {
		return unknown, err
	}
	if err := checkIP(ip); err != nil {
		return unknown, err
	}
	id := AddressClient(ip, port, true)
	if c := r.own.get(id); c != nil {
		reply, ok, err := r.beat(c, key)
		if ok || err != nil {
			return reply, err
		}
	}
	if full == nil {
		// Another server may have had it until now.
		if full = r.foreignAddress(id, key); full == nil {
			return unknown, nil
		}
	}
	i := *full
	i.Healthy, i.Ephemeral = true, true
	if err := r.RegisterAddress(key, i); err != nil {
		return unknown, err
	}
	return BeatReply{Known: true, Interval: r.interval(i.Meta)}, nil
}

// heldTo returns the metadata whose times hold for the instance's beats: what an
// operator has laid over them counts, from the next beat on.
func (p *publication) heldTo() *Metadata {
	own, s := p.list[0].Meta, p.svc
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled == nil || len(s.settled.overlays) == 0 {
		return own
	}
	o := s.settled.overlays[p.list[0].Key()]
	if o == nil || o.Meta == nil || o.Meta.interval|o.Meta.timeout|o.Meta.deleteAfter == 0 {
		return own
	}
	return own.with(o.Meta)
}

func (r *Registry) interval(m *Metadata) time.Duration {
	if m != nil && m.interval != 0 {
		return m.BeatInterval()
	}
	return r.switches.beatInterval()
}

// beat notes a beat for what a client has registered, if it has.
func (r *Registry) beat(c *Client, key ServiceKey) (reply BeatReply, ok bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.publicationOf(key)
	if p == nil || p.beat == nil {
		return reply, false, nil
	}
	now, meta := time.Now(), p.heldTo()
	r.watchBeats(p, meta.BeatTimeout(), now)
	p.beat.last, c.updated = now, now
	reply = BeatReply{Known: true, Interval: r.interval(meta)}
	if !p.list[0].Healthy || r.overtaken(p) {
		well := p.list[0] // and with a later word than anybody else's
		well.Healthy = true
		if _, err := r.put(c, key, []Instance{well}); err != nil {
			return reply, true, fmt.Errorf("healthy again: %w", err)
		}
	}
	return reply, true, nil
}

// publicationOf: the caller holds c.mu. An address has few services.
func (c *Client) publicationOf(key ServiceKey) *publication {
	for _, p := range c.pubs {
		if p.svc.key == key {
			return p
		}
	}
	return nil
}

// foreignAddress finds what another server says that an address client has
// registered: this server has become the one to beat at.
func (r *Registry) foreignAddress(id ClientID, key ServiceKey) *Instance {
	s := r.index.lookup(key)
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pubs {
		if p.client.id == id && p.client.owner != nil && len(p.list) == 1 {
			i := p.list[0]
			return &i
		}
	}
	return nil
}

// expireBeats looks at the instances whose beats are due. It keeps no timer
// for any: an instance is looked at when its time may be over, and again later
// if it has beaten since.
func (r *Registry) expireBeats(now time.Time) {
	if !r.IsReady() {
		return
	}
	for _, b := range r.beats.due(now) {
		if next := r.expireBeat(b, now); !next.IsZero() {
			r.beats.add(b, next)
		}
	}
}

// expireBeat returns when to look at the instance again, zero if it is gone.
func (r *Registry) expireBeat(b *beat, now time.Time) time.Time {
	c := b.pub.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.pub.beat != b {
		return time.Time{} // retracted
	}
	i := b.pub.list[0]
	meta := b.pub.heldTo()
	sick, dead := b.last.Add(meta.BeatTimeout()), b.last.Add(max(meta.DeleteAfter(), meta.BeatTimeout()))
	switch {
	case now.Before(sick):
		return sick
	case r.overtaken(b.pub) || !now.Before(dead) && r.switches.expires():
		if err := r.remove(c, b.pub.svc.key); err != nil {
			r.log.Warn("removing an instance that does not beat", "instance", i.Addr(), "err", err)
			return now.Add(beatRetry)
		}
		r.forgetAddress(c)
		return time.Time{}
	case i.Healthy:
		i.Healthy = false
		if _, err := r.put(c, b.pub.svc.key, []Instance{i}); err != nil {
			r.log.Warn("marking an instance that does not beat", "instance", i.Addr(), "err", err)
			return now.Add(beatRetry)
		}
	}
	return later(dead, now.Add(beatRetry), now)
}

// beatRetry is when to look again at what should have changed and has not.
const beatRetry = time.Second

func later(when, otherwise, now time.Time) time.Time {
	if when.After(now) {
		return when
	}
	return otherwise
}

// restartBeats begins all over: while this server was loading, nobody could
// reach it.
func (r *Registry) restartBeats(now time.Time) {
	r.own.mu.RLock()
	all := make([]*Client, 0, len(r.own.all))
	for _, c := range r.own.all {
		all = append(all, c)
	}
	r.own.mu.RUnlock()
	for _, c := range all {
		c.mu.Lock()
		for _, p := range c.pubs {
			if p.beat != nil {
				p.beat.last = now
			}
		}
		c.mu.Unlock()
	}
}
