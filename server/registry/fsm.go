package registry

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fsm is what the servers have agreed on. It is changed by Apply alone, which
// does the same on each server: it reads no clock and draws no lots.
type fsm struct {
	index    atomic.Uint64           // of the last command applied
	services map[ServiceKey]*settled // seen by Apply, Snapshot and Restore alone
	lastMeta *Metadata               // of the last instance that was put, for the next one to share

	mu         sync.RWMutex // guards what follows
	namespaces map[string]Namespace
	documents  map[string]map[string][]byte // by bucket
	docCount   int

	// epoch counts the snapshots begun. What was made in an earlier epoch may
	// be in one that is being written, and is copied before it is changed.
	epoch uint64
}

func (f *fsm) init() {
	f.services = make(map[ServiceKey]*settled)
	f.namespaces = make(map[string]Namespace)
	f.documents = make(map[string]map[string][]byte)
}

// settled is what the servers have agreed on about one service. It is read
// and changed under the service's mutex.
type settled struct {
	decl      *Declaration
	instances []*Instance // in order of address
	overlays  map[InstanceKey]*Overlay
	stamp     uint64
	epoch     uint64
	deleted   bool // just now, by an operator: it is to be seen no more
}

// isEmpty reports whether nothing is left that makes the service be there.
func (t *settled) isEmpty() bool {
	return t == nil || t.decl == nil && len(t.instances) == 0
}

func (t *settled) clone(epoch uint64) *settled {
	c := *t
	c.epoch = epoch
	c.instances = slices.Clone(t.instances)
	if t.overlays != nil {
		c.overlays = make(map[InstanceKey]*Overlay, len(t.overlays))
		for k, o := range t.overlays {
			c.overlays[k] = o
		}
	}
	return &c
}

// find returns where the instance of an address is or belongs. As a client
// that has no connection is an address, an address is one instance, whatever
// its cluster.
func (t *settled) find(ip string, port uint16) (int, bool) {
	return slices.BinarySearchFunc(t.instances, ip, func(i *Instance, ip string) int {
		return cmp.Or(strings.Compare(i.IP, ip), cmp.Compare(i.Port, port))
	})
}

// metadata returns what an instance of a service may well have for metadata.
func (f *fsm) metadata(key ServiceKey) []*Metadata {
	if t := f.services[key]; t != nil && len(t.instances) > 0 {
		return []*Metadata{t.instances[0].Meta, f.lastMeta}
	}
	return []*Metadata{f.lastMeta}
}

// edit changes what is agreed about a service, if f accepts it.
func (r *Registry) edit(key ServiceKey, stamp uint64, f func(*Service, *settled) error) error {
	s := r.obtain(key)
	t := r.fsm.services[s.key]
	switch {
	case t == nil:
		t = &settled{epoch: r.fsm.epoch}
	case t.epoch < r.fsm.epoch:
		t = t.clone(r.fsm.epoch)
	}
	if err := f(s, t); err != nil {
		s.mu.Unlock()
		return err
	}
	t.stamp = max(t.stamp+1, stamp)
	first, last := r.place(s, t)
	s.bump(stamp)
	s.mu.Unlock()
	r.tell(s, first)
	if last {
		r.observer.Removed(s.key)
	}
	return nil
}

// place puts what is agreed about a service into the index, and reports
// whether that makes it listed, or listed no more. The caller holds s.mu.
func (r *Registry) place(s *Service, t *settled) (first, last bool) {
	r.instances.Add(int64(len(t.instances) - s.lasting))
	s.lasting = len(t.instances)
	if t.isEmpty() && len(t.overlays) == 0 {
		delete(r.fsm.services, s.key)
		s.settled = nil
	} else {
		r.fsm.services[s.key] = t
		s.settled = t
	}
	switch {
	case len(t.instances) > 0:
		s.kind = KindPersistent
	case t.decl != nil && t.decl.Kind != KindOpen && len(s.pubs) == 0:
		s.kind = t.decl.Kind
	}
	if !t.isEmpty() {
		s.emptySince = time.Time{}
		return s.show(), false
	}
	s.noteEmpty()
	if t.deleted && len(s.pubs) == 0 {
		last = s.hide()
	}
	t.deleted = false
	return false, last
}
