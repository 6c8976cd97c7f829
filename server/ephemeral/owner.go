package ephemeral

import (
	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

// presence is what an owner is, as the registry was told.
type presence byte

const (
	unknown presence = iota // only its records are known yet
	up
	down // taken for dead
	gone // by its own word
	held // not to be seen, and the registry was not told: this server is the one cut off
)

// An owner is another server, as this one has heard of it.
type owner struct {
	name  string
	life  uint64 // the last it was heard to live
	state presence
	// forgotten: its records were dropped, after it had been away for long.
	// They come again, and what has ended meanwhile is then not among them.
	forgotten bool

	// All up to that version, of that life, was taken from the records
	// themselves: changes that are still on their way are known.
	version, versionOf uint64
}

// owner returns the owner of that name. The caller holds p.mu.
func (p *Plane) owner(name string) *owner {
	o := p.owners[name]
	if o == nil {
		o = &owner{name: name}
		p.owners[name] = o
	}
	return o
}

// lives takes in that the owner is, or was, in that life, and reports whether
// it is the last one known. What was registered in earlier lives is stale from
// now on.
func (o *owner) lives(p *Plane, life uint64) bool {
	switch {
	case life < o.life:
		return false
	case life == o.life:
		return true
	}
	before := o.life
	o.life = life
	if before != 0 {
		p.log.Info("a server has begun anew", "server", o.name)
		p.reg.OwnerRestarted(o.name)
		o.forgotten = false
		if o.state != up {
			o.state = unknown // OwnerRestarted says that it is there
		}
	}
	return true
}

// loaded reports whether an event tells of nothing that load has not seen.
func (o *owner) loaded(e *muster.RecordEvent) bool {
	if e.Version > o.version || o.versionOf == 0 {
		return false
	}
	if e.Deleted {
		return o.versionOf == o.life
	}
	v, err := decodeValue(e.Value)
	return err == nil && v.life == o.versionOf
}

// ServerUp says that a server is there, in that life: when gossip finds it, and
// when it is back.
func (p *Plane) ServerUp(name string, life uint64) {
	if name == p.self {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.owner(name)
	if !o.lives(p, life) {
		return // of a process before the last; that one's word follows
	}
	if o.state == up {
		return
	}
	switch {
	case o.forgotten:
		p.reg.OwnerRestarted(name)
	case o.state == down || o.state == gone:
		p.reg.OwnerUp(name)
	}
	o.state, o.forgotten = up, false
	// Its records are as they were, and no event will tell of them again; the
	// registry may have dropped what they say.
	p.load(o)
	p.recheck()
}

// ServerDown says that a server is gone: it has died, as far as can be seen
// from here, or it has said that it leaves.
func (p *Plane) ServerDown(name string, left bool) {
	if name == p.self {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.owners[name]; o != nil && o.state != down && o.state != gone {
		o.state = held
		if left {
			o.state = gone
			p.reg.OwnerLeft(name)
		}
	}
	p.recheck()
}

// Recheck looks again who may be taken for dead. It is to be called when the
// cluster has become larger or smaller.
func (p *Plane) Recheck() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.recheck()
}

// recheck: the caller holds p.mu. That this server is cut off shows when the
// last of the others is missed, and those missed before are taken back.
func (p *Plane) recheck() {
	minority := p.opts.Minority()
	for _, o := range p.owners {
		switch {
		case minority && o.state == down:
			o.state = held
			p.reg.OwnerUp(o.name)
		case !minority && o.state == held:
			o.state = down
			p.reg.OwnerDown(o.name)
		}
	}
}

// AddressClients yields what another server's clients without a connection have
// registered, as its records say.
func (p *Plane) AddressClients(server string, yield func(registry.ClientID, registry.ServiceKey, registry.Instance)) {
	for _, r := range p.records.List(server, string(keyPublication)) {
		k, err := decodeKey(r.Key)
		if err != nil || !k.client.IsAddress() {
			continue
		}
		v, err := decodeValue(r.Value)
		if err != nil || v.parts != 1 {
			continue
		}
		pub, err := p.reg.DecodePublication(v.data)
		if err != nil || len(pub.Instances) != 1 {
			continue
		}
		yield(k.client, k.service, pub.Instances[0])
	}
}
