package registry

import (
	"errors"
	"fmt"
	"strings"
)

// Clients without a connection are addresses. Each belongs to one server at a
// time, but which one that is changes when servers come and go, and for a while
// two may hold the same one. The later word counts, so the server at which the
// client beats now must have it.

// IsAddress reports whether the client has no connection, and is ephemeral.
func (id ClientID) IsAddress() bool { return strings.HasSuffix(string(id), "#true") }

// Holds reports whether this server itself has a registration of a client.
func (r *Registry) Holds(id ClientID, key ServiceKey) bool {
	c := r.own.get(id)
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.publicationOf(key) != nil
}

// UseWithdraw sets how another server is asked to take a registration of an
// address out. It must be called before anything else is.
func (r *Registry) UseWithdraw(f func(server string, id ClientID, key ServiceKey) error) {
	r.withdraw = f
}

// DeregisterAddress takes out the ephemeral instance of an address, on whatever
// servers it is registered. An error says that one of them could not be told.
func (r *Registry) DeregisterAddress(key ServiceKey, ip string, port uint16) error {
	id := AddressClient(ip, port, true)
	err := r.Deregister(id, key)
	r.eachHolder(id, key, func(server string, _ uint64) {
		if r.withdraw == nil {
			return
		}
		if e := r.withdraw(server, id, key); e != nil {
			err = errors.Join(err, fmt.Errorf("deregistering %s at server %s: %w", id, server, e))
		}
	})
	return err
}

// eachHolder calls f, without a lock, for each other server that is there and
// says that a client has registered in a service, with the stamp of its word.
func (r *Registry) eachHolder(id ClientID, key ServiceKey, f func(server string, stamp uint64)) {
	for _, o := range r.allOwners() {
		if stamp, ok := o.word(id, key); ok {
			f(o.id, stamp)
		}
	}
}

func (o *owner) word(id ClientID, key ServiceKey) (stamp uint64, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	c := o.clients[id]
	if c == nil || o.down {
		return 0, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.publicationOf(key)
	if p == nil || p.era != o.era.Load() {
		return 0, false // stale
	}
	return p.stamp, true
}

// overtaken reports whether another server has a later word of a client than
// this one. The caller holds the mutex of this one's client.
func (r *Registry) overtaken(p *publication) bool {
	over := false
	r.eachHolder(p.client.id, p.svc.key, func(_ string, stamp uint64) { over = over || stamp > p.stamp })
	return over
}
