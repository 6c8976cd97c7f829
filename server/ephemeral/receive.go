package ephemeral

import "github.com/musterhq/muster"

// lifeChanged takes in that an owner has told of its life. The caller holds p.mu.
func (p *Plane) lifeChanged(e *muster.RecordEvent) {
	if e.Deleted {
		// It goes with all the rest, when the owner is forgotten or begins anew.
		if _, ok := p.records.Get(e.Owner, keyLife); !ok {
			o := p.owner(e.Owner)
			o.forgotten, o.version, o.versionOf = true, 0, 0
		}
		return
	}
	if life, ok := decodeLife(e.Value); ok {
		p.owner(e.Owner).lives(p, life)
	}
}

// publicationChanged takes in a change of what an owner's clients have
// registered. The caller holds p.mu.
func (p *Plane) publicationChanged(e *muster.RecordEvent) {
	k, err := decodeKey(e.Key)
	if err != nil {
		p.reject(e.Owner, err)
		return
	}
	o := p.owner(e.Owner)
	switch {
	case o.loaded(e):
	case e.Deleted:
		p.deleted(o, k, e)
	default:
		p.set(o, k, e.Value)
	}
}

// set applies a record. Of a publication of several parts each brings it up,
// and the one that completes it succeeds.
func (p *Plane) set(o *owner, k publicationKey, b []byte) {
	v, err := decodeValue(b)
	if err != nil {
		p.reject(o.name, err)
		return
	}
	if !o.lives(p, v.life) {
		return // of a life before the one that was heard of: it has gone with that
	}
	data := v.data
	if v.parts > 1 {
		var ok bool
		if data, ok = p.assemble(o, k, v); !ok {
			return
		}
	}
	pub, err := p.reg.DecodePublication(data)
	if err == nil {
		err = p.reg.ApplyPublication(o.name, k.client, k.service, pub)
	}
	if err != nil {
		p.reject(o.name, err)
		return
	}
	p.counts.applied.Add(1)
}

// assemble puts the parts of one write together.
func (p *Plane) assemble(o *owner, k publicationKey, one value) (data []byte, ok bool) {
	for i := range one.parts {
		b, there := p.records.Get(o.name, appendKey(nil, k.client, k.service, i))
		if !there {
			return nil, false
		}
		v, err := decodeValue(b)
		if err != nil || v.life != one.life || v.parts != one.parts || v.write != one.write {
			return nil, false
		}
		data = append(data, v.data...)
	}
	return data, true
}

// deleted applies the deletion of a record, if it is one: all records of an
// owner's last life vanish when it begins the next, and all of an owner's when
// it is forgotten. Those stay for the grace period that began with its end.
func (p *Plane) deleted(o *owner, k publicationKey, e *muster.RecordEvent) {
	was, err := decodeValue(e.Old)
	if err != nil || k.part > 0 {
		return
	}
	b, ok := p.records.Get(o.name, keyLife)
	if !ok {
		return
	}
	now, ok := decodeLife(b)
	if !ok || !o.lives(p, now) || was.life != now {
		return
	}
	p.reg.ApplyRemoval(o.name, k.client, k.service)
	p.counts.removed.Add(1)
}

// reject counts what cannot be used. A peer that says such things is of another
// version, or this server's limits are narrower.
func (p *Plane) reject(owner string, err error) {
	if n := p.counts.rejected.Add(1); n&(n-1) == 0 { // the first, second, fourth ...
		p.log.Warn("another server says what cannot be used", "server", owner, "err", err, "times", n)
	}
}

// load takes in all that an owner's records say now.
func (p *Plane) load(o *owner) {
	list := p.records.List(o.name, string(keyPublication))
	if b, ok := p.records.Get(o.name, keyLife); ok {
		if life, ok := decodeLife(b); ok {
			o.lives(p, life)
		}
	}
	o.version, o.versionOf = 0, o.life
	for i := range list {
		r := &list[i]
		k, err := decodeKey(r.Key)
		if err != nil {
			p.reject(o.name, err)
			continue
		}
		p.set(o, k, r.Value)
		if v, err := decodeValue(r.Value); err == nil && v.life == o.versionOf {
			o.version = max(o.version, r.Version)
		}
	}
}
