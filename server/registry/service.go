package registry

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A Service is one entry of the index. It may outlive what is registered of
// it, for those who subscribe before it is there or after it is gone.
type Service struct {
	key  ServiceKey
	reg  *Registry
	view atomic.Pointer[View] // nil after a change, until somebody reads

	mu          sync.Mutex
	rev         uint64
	pubs        []*publication // in order of their clients' seq
	settled     *settled       // what Raft says of it; nil if nothing
	subscribers map[Subscriber]struct{}
	clusters    []string // names in use, one copy of each
	count       int      // ephemeral instances, with those that are listed twice
	lasting     int      // persistent ones
	emptySince  time.Time
	orphans     map[InstanceKey]time.Time // overlays whose instance is gone, since when it is missed
	kind        Kind
	listed      bool // it is seen in lists of services
	gone        bool // no longer in the index: look it up again
}

// Key returns the service's name.
func (s *Service) Key() ServiceKey { return s.key }

// Kind returns whether the service is ephemeral or persistent, or still open.
func (s *Service) Kind() Kind {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind
}

// bump marks a change. The caller holds s.mu, and tells the observer after.
func (s *Service) bump(observed uint64) {
	s.rev = max(s.rev+1, s.reg.clock.now(), observed)
	s.reg.clock.observe(s.rev)
	s.view.Store(nil)
}

// Renew makes the service's revision at least t, without a change. It is for a
// subscriber that comes from another server: that one may have known less and
// given it a later revision, in the light of which the list here would be old.
func (s *Service) Renew(t uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rev < t {
		s.bump(t)
	}
}

// claim gives the service its kind, or says that it is of the other one.
func (s *Service) claim(k Kind) error {
	switch s.kind {
	case KindOpen:
		s.kind = k
		return nil
	case k:
		return nil
	}
	return kindError(s.key, s.kind)
}

func kindError(key ServiceKey, is Kind) error {
	if is == KindPersistent {
		return &remoteError{kind: ErrKind, text: "Current service " + key.Grouped() + " is persistent service, can't register ephemeral instance."}
	}
	return &remoteError{kind: ErrKind, text: "Current service " + key.Grouped() + " is ephemeral service, can't register persistent instance."}
}

// find returns where the publication of a client is or belongs.
func (s *Service) find(c *Client) (int, bool) {
	return slices.BinarySearchFunc(s.pubs, c.seq, func(p *publication, seq uint64) int { return cmp.Compare(p.client.seq, seq) })
}

// publish puts a client's publication in the place of its last one. The
// caller holds the client's mutex and s.mu.
func (s *Service) publish(c *Client, list []Instance, stamp uint64) *publication {
	for i := range list {
		list[i].Cluster = s.cluster(list[i].Cluster)
	}
	at, ok := s.find(c)
	var p *publication
	if ok {
		p = s.pubs[at]
		s.count -= len(p.list)
		c.instances -= len(p.list)
		s.reg.instances.Add(-int64(len(p.list)))
	} else {
		p = &publication{client: c, svc: s, slot: len(c.pubs)}
		s.pubs = slices.Insert(s.pubs, at, p)
		c.pubs = append(c.pubs, p)
	}
	shareMetadata(list, p.list, s.pubs)
	p.list, p.stamp = list, stamp
	s.count += len(list)
	c.instances += len(list)
	s.reg.instances.Add(int64(len(list)))
	s.emptySince = time.Time{}
	return p
}

// shareWith bounds how many other clients' metadata are looked at.
const shareWith = 6

// shareMetadata makes equal metadata one: with what the client said before,
// within a batch, and with a few of the service's clients. That finds most of
// what a table of all metadata would, and costs nothing to keep.
func shareMetadata(list, before []Instance, pubs []*publication) {
	var room [shareWith + 2]*Metadata
	known := room[:0]
	if len(before) > 0 && before[0].Meta != nil {
		known = append(known, before[0].Meta)
	}
	for _, p := range pubs[:min(len(pubs), shareWith)] {
		if len(p.list) > 0 && p.list[0].Meta != nil {
			known = append(known, p.list[0].Meta)
		}
	}
	for i := range list {
		m := list[i].Meta
		if m == nil {
			continue
		}
		for _, k := range known {
			if k.equal(m) {
				list[i].Meta = k
				break
			}
		}
		if i == 0 {
			known = append(known, list[0].Meta)
		}
	}
}

// retract takes a client's publication out. The caller holds the client's
// mutex and s.mu.
func (s *Service) retract(c *Client) bool {
	at, ok := s.find(c)
	if !ok {
		return false
	}
	p := s.pubs[at]
	s.pubs = slices.Delete(s.pubs, at, at+1)
	s.count -= len(p.list)
	c.instances -= len(p.list)
	s.reg.instances.Add(-int64(len(p.list)))
	last := len(c.pubs) - 1
	c.pubs[p.slot] = c.pubs[last]
	c.pubs[p.slot].slot = p.slot
	c.pubs[last] = nil
	c.pubs = c.pubs[:last]
	p.beat = nil
	s.noteEmpty()
	return true
}

// noteEmpty remembers since when nothing is left of the service.
func (s *Service) noteEmpty() {
	if len(s.pubs) == 0 && s.settled.isEmpty() && s.emptySince.IsZero() {
		s.emptySince = time.Now()
		s.clusters = nil
	}
}

func (s *Service) cluster(name string) string {
	known := internCluster(name, s.clusters)
	if known != DefaultCluster && !slices.Contains(s.clusters, known) {
		s.clusters = append(s.clusters, known)
	}
	return known
}

// show makes the service listed, and reports whether it was not. The caller
// holds s.mu, so that what the lists are told is in order.
func (s *Service) show() bool {
	if s.listed {
		return false
	}
	s.listed = true
	s.reg.index.list(s, true)
	return true
}

// hide makes the service listed no more, and reports whether it was. What is
// registered next may be of the other kind. The caller holds s.mu.
func (s *Service) hide() bool {
	s.kind = KindOpen
	if !s.listed {
		return false
	}
	s.listed = false
	s.reg.index.list(s, false)
	return true
}
