package registry

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// ClientInfo is what is shown of a client.
type ClientInfo struct {
	IP      string
	Port    int
	Version string // the program it says it is
	App     string
	Type    string // how it speaks: "GRPC", "HTTP"
	Labels  map[string]string
}

// A Client is one that registers: a connection of this server, the address
// that beats for an instance, or the copy of a client of another server.
type Client struct {
	id    ClientID
	seq   uint64 // in order of appearance, on this server
	owner *owner // nil: this server's own
	addr  bool   // it has no connection, and lives by its beats

	mu        sync.Mutex
	gone      bool
	info      *ClientInfo
	pubs      []*publication
	instances int
	updated   time.Time
}

// ID returns the client's name.
func (c *Client) ID() ClientID { return c.id }

// clients are those of this server.
type clients struct {
	mu  sync.RWMutex
	all map[ClientID]*Client
	seq atomic.Uint64
}

func (t *clients) get(id ClientID) *Client {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.all[id]
}

// Connect takes in a client that has a connection. Its registrations last
// until [Registry.Disconnect].
func (r *Registry) Connect(id ClientID, info ClientInfo) error {
	r.own.mu.Lock()
	defer r.own.mu.Unlock()
	if r.own.all[id] != nil {
		return fmt.Errorf("client %s is already connected", id)
	}
	if len(r.own.all) >= r.limits.Clients {
		return fmt.Errorf("%w: %d clients", ErrLimit, len(r.own.all))
	}
	r.own.all[id] = &Client{id: id, seq: r.own.seq.Add(1), info: &info, updated: time.Now()}
	return nil
}

// obtainAddress returns the client of an address, locked.
func (r *Registry) obtainAddress(id ClientID) (*Client, error) {
	for {
		c := r.own.get(id)
		if c == nil {
			var err error
			if c, err = r.insertAddress(id); err != nil {
				return nil, err
			}
		}
		c.mu.Lock()
		if !c.gone {
			return c, nil
		}
		c.mu.Unlock() // it has just lost its last instance
	}
}

func (r *Registry) insertAddress(id ClientID) (*Client, error) {
	r.own.mu.Lock()
	defer r.own.mu.Unlock()
	if c := r.own.all[id]; c != nil {
		return c, nil
	}
	if len(r.own.all) >= r.limits.Clients {
		return nil, fmt.Errorf("%w: %d clients", ErrLimit, len(r.own.all))
	}
	c := &Client{id: id, seq: r.own.seq.Add(1), addr: true, updated: time.Now()}
	r.own.all[id] = c
	return c, nil
}

// forgetAddress drops the client of an address that has nothing registered.
// The caller holds c.mu.
func (r *Registry) forgetAddress(c *Client) {
	if !c.addr || len(c.pubs) > 0 {
		return
	}
	c.gone = true
	r.own.mu.Lock()
	if r.own.all[c.id] == c {
		delete(r.own.all, c.id)
	}
	r.own.mu.Unlock()
}

// Disconnect removes a client with all it has registered, at once and
// everywhere. It returns an error if the other servers could not be told;
// here the client is gone in any case.
func (r *Registry) Disconnect(id ClientID) error {
	r.own.mu.Lock()
	c := r.own.all[id]
	delete(r.own.all, id)
	r.own.mu.Unlock()
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	services := make([]ServiceKey, len(c.pubs))
	for i, p := range c.pubs {
		services[i] = p.svc.key
	}
	err := r.ephemeral.DropClient(id, services)
	r.retractAll(c)
	if err != nil {
		return fmt.Errorf("telling of the disconnection of %s: %w", id, err)
	}
	return nil
}

// retractAll takes out all that a client has published. The caller holds c.mu.
func (r *Registry) retractAll(c *Client) {
	for len(c.pubs) > 0 {
		s := c.pubs[len(c.pubs)-1].svc
		s.mu.Lock()
		s.retract(c)
		s.bump(0)
		s.mu.Unlock()
		r.observer.Changed(s)
	}
	c.pubs = nil
}
