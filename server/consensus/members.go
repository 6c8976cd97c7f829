package consensus

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// Server is one server as gossip knows it.
type Server struct {
	ID   string `json:"id"`
	Addr string `json:"addr"` // its Options.Advertise
}

// members is what gossip says about who is here, and what can be concluded
// from how long somebody has not been.
type members struct {
	self Server

	mu      sync.Mutex
	alive   map[string]string    // address by identity, this server included
	seen    map[string]time.Time // when each was last alive or heard
	changed chan struct{}        // closed when alive changes
}

func newMembers(self Server) *members {
	return &members{
		self:    self,
		alive:   map[string]string{self.ID: self.Addr},
		seen:    make(map[string]time.Time),
		changed: make(chan struct{}),
	}
}

// set replaces the list.
func (m *members) set(list []Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := map[string]string{m.self.ID: m.self.Addr}
	for _, s := range list {
		ok := s.ID != "" && len(s.ID) <= maxIDLen && plainID(s.ID) && s.Addr != "" && len(s.Addr) <= maxAddrLen
		if ok && s.ID != m.self.ID && len(next) < maxServers {
			next[s.ID] = s.Addr
		}
	}
	now := time.Now()
	same := len(next) == len(m.alive)
	for id, addr := range next {
		m.seen[id] = now
		same = same && m.alive[id] == addr
	}
	for id := range m.alive {
		m.seen[id] = now // those that just went, too
	}
	m.alive = next
	if !same {
		close(m.changed)
		m.changed = make(chan struct{})
	}
}

// list returns the servers that are here, in the order of their identities, and
// a channel that is closed when that changes.
func (m *members) list() ([]Server, <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := make([]Server, 0, len(m.alive))
	for id, addr := range m.alive {
		list = append(list, Server{ID: id, Addr: addr})
	}
	slices.SortFunc(list, func(a, b Server) int { return strings.Compare(a.ID, b.ID) })
	return list, m.changed
}

// addr returns where a server is, when it is here.
func (m *members) addr(id string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	addr, ok := m.alive[id]
	return addr, ok
}

// heard notes that a server answered.
func (m *members) heard(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen[id] = time.Now()
}

// silence returns how long each of the configured servers has not been seen. A
// server never seen is counted from now on, and those nobody asks for are
// forgotten.
func (m *members) silence(conf []raft.Server, now time.Time) map[string]time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make(map[string]time.Duration, len(conf))
	for _, s := range conf {
		id := string(s.ID)
		if _, ok := m.alive[id]; ok {
			m.seen[id] = now
		} else if _, ok := m.seen[id]; !ok {
			m.seen[id] = now
		}
		out[id] = now.Sub(m.seen[id])
	}
	for id := range m.seen {
		if _, ok := out[id]; !ok && m.alive[id] == "" {
			delete(m.seen, id)
		}
	}
	return out
}

// SetMembers tells the node which servers gossip holds for alive, itself
// included or not. To be called with the whole list on every change. Every
// server is told; the one that leads makes the cluster's configuration follow:
// a new server is added without a vote and gets one when it has caught up, one
// that is dead for Options.DeadAfter is removed when a majority of the others is
// alive. A server that moved is found where gossip says it is.
func (n *Node) SetMembers(alive []Server) { n.members.set(alive) }

// waitChange returns when the list changes, when the time is over, or at the end.
func waitChange(ctx context.Context, changed <-chan struct{}, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
