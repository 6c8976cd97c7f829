package registry

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ClientSummary is what is shown of a client.
type ClientSummary struct {
	ID        ClientID
	Server    string // that holds it
	Ephemeral bool
	Connected bool // it has a connection, here or elsewhere
	Updated   time.Time
	Info      ClientInfo // empty for clients of other servers
	Services  int
}

// Published is one registration of a client.
type Published struct {
	Service   ServiceKey
	Client    ClientID
	Instances []Instance
}

// Clients returns the ids of all clients known here, and those that stand for
// persistent instances.
func (r *Registry) Clients() []ClientID {
	var ids []ClientID
	r.own.mu.RLock()
	for id := range r.own.all {
		ids = append(ids, id)
	}
	r.own.mu.RUnlock()
	for _, o := range r.allOwners() {
		o.mu.Lock()
		for id := range o.clients {
			ids = append(ids, id)
		}
		o.mu.Unlock()
	}
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		if s.settled != nil {
			for _, i := range s.settled.instances {
				ids = append(ids, AddressClient(i.IP, i.Port, false))
			}
		}
		s.mu.Unlock()
		return true
	})
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (r *Registry) allOwners() []*owner {
	r.ownersMu.Lock()
	defer r.ownersMu.Unlock()
	all := make([]*owner, 0, len(r.owners))
	for _, o := range r.owners {
		all = append(all, o)
	}
	return all
}

// Client returns what is known of a client, and what it has registered.
func (r *Registry) Client(id ClientID) (ClientSummary, []Published, bool) {
	if c := r.own.get(id); c != nil {
		sum, pubs := c.describe(r.self)
		return sum, pubs, true
	}
	for _, o := range r.allOwners() {
		o.mu.Lock()
		c := o.clients[id]
		o.mu.Unlock()
		if c != nil {
			sum, pubs := c.describe(o.id)
			return sum, pubs, true
		}
	}
	return r.persistentClient(id)
}

func (c *Client) describe(server string) (ClientSummary, []Published) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := ClientSummary{
		ID: c.id, Server: server, Ephemeral: true, Connected: !strings.Contains(string(c.id), "#"),
		Updated: c.updated, Services: len(c.pubs),
	}
	if c.info != nil {
		sum.Info = *c.info
	}
	pubs := make([]Published, 0, len(c.pubs))
	for _, p := range c.pubs {
		pubs = append(pubs, Published{Service: p.svc.key, Client: c.id, Instances: p.list})
	}
	sortPublished(pubs)
	return sum, pubs
}

func sortPublished(pubs []Published) {
	slices.SortFunc(pubs, func(a, b Published) int {
		return cmp.Or(strings.Compare(a.Service.String(), b.Service.String()), cmp.Compare(a.Client, b.Client))
	})
}

func (r *Registry) persistentClient(id ClientID) (ClientSummary, []Published, bool) {
	var pubs []Published
	if !strings.HasSuffix(string(id), "#false") {
		return ClientSummary{}, nil, false
	}
	r.index.each(func(s *Service) bool {
		for _, p := range s.persistent() {
			if p.Client == id {
				pubs = append(pubs, p)
			}
		}
		return true
	})
	sortPublished(pubs)
	return ClientSummary{ID: id, Server: r.self, Services: len(pubs)}, pubs, len(pubs) > 0
}

func (s *Service) persistent() []Published {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled == nil {
		return nil
	}
	out := make([]Published, 0, len(s.settled.instances))
	for _, i := range s.settled.instances {
		out = append(out, Published{Service: s.key, Client: AddressClient(i.IP, i.Port, false), Instances: []Instance{*i}})
	}
	return out
}

// Publishers returns who has registered in a service, and what.
func (s *Service) Publishers() []Published {
	out := s.persistent()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.pubs {
		out = append(out, Published{Service: s.key, Client: p.client.id, Instances: p.list})
	}
	return out
}

// Stats are the registry's counters.
type Stats struct {
	Services      int // listed
	Instances     int // with those that two servers hold while a client moves
	Subscribers   int
	OwnInstances  int
	OwnByBeat     int // of those: of clients without a connection
	Clients       int // of all servers, as known here
	OwnClients    int
	Connected     int // own, with a connection
	Addresses     int // own, without
	Persistent    int // instances
	EncodedBytes  int
	AppliedIndex  uint64
	StaleServers  int
	ByServer      map[string]int // instances
	PendingEmpty  int            // services without instances, not yet dropped
	ReadyVerified bool
}

// Stats counts. It looks at all services: call it now and then, not often.
func (r *Registry) Stats() Stats {
	st := Stats{
		Services: int(r.index.count.Load()), Instances: int(r.instances.Load()),
		AppliedIndex: r.fsm.index.Load(), ByServer: make(map[string]int), ReadyVerified: r.Verified(),
	}
	r.own.mu.RLock()
	st.OwnClients = len(r.own.all)
	own := make([]*Client, 0, len(r.own.all))
	for _, c := range r.own.all {
		own = append(own, c)
	}
	r.own.mu.RUnlock()
	for _, c := range own {
		c.mu.Lock()
		n := c.instances
		c.mu.Unlock()
		st.OwnInstances += n
		if c.addr {
			st.Addresses++
			st.OwnByBeat += n
		}
	}
	st.Connected = st.OwnClients - st.Addresses
	st.Clients = st.OwnClients
	for _, o := range r.allOwners() {
		o.mu.Lock()
		st.Clients += len(o.clients)
		for _, c := range o.clients {
			c.mu.Lock()
			st.ByServer[o.id] += c.instances
			c.mu.Unlock()
		}
		if o.down {
			st.StaleServers++
		}
		o.mu.Unlock()
	}
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		st.Subscribers += len(s.subscribers)
		if s.settled != nil {
			st.Persistent += len(s.settled.instances)
		}
		if s.listed && !s.emptySince.IsZero() {
			st.PendingEmpty++
		}
		s.mu.Unlock()
		return true
	})
	r.encoded.mu.Lock()
	st.EncodedBytes = r.encoded.bytes
	r.encoded.mu.Unlock()
	return st
}
