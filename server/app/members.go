package app

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/consensus"
)

// A peer is one server as gossip knows it, this one included.
type peer struct {
	info
	member muster.Member
	seen   time.Time // when its state last changed
}

func (p *peer) id() string { return p.member.Name }

func (p *peer) httpAddr() string { return hostPort(p.member.Addr.Addr(), p.HTTP) }
func (p *peer) raftAddr() string { return hostPort(p.member.Addr.Addr(), p.Raft) }

// here reports whether the server is there, as far as is known.
func (p *peer) here() bool { return p.member.State <= muster.Suspect }

// members follows who is there, and has the other parts know.
type members struct {
	s *Server

	mu  sync.Mutex
	all map[string]*peer // by id; also those that are gone, while gossip remembers them
}

// follow runs until ctx ends.
func (m *members) follow(ctx context.Context) {
	kinds := []muster.EventKind{
		muster.MemberJoined, muster.MemberUpdated, muster.MemberLeaving, muster.MemberLeft,
		muster.MemberFailed, muster.MemberSuspected, muster.MemberRecovered,
	}
	for e := range m.s.node.Watch(ctx, kinds...) {
		m.take(&e)
	}
}

// take takes one event in. Raft is told first: whether this server sees a
// majority is decided by what Raft knows.
func (m *members) take(e *muster.Event) {
	i, ok := infoOf(&e.Member)
	m.mu.Lock()
	old := m.all[e.Member.Name]
	switch {
	case !ok && old == nil:
		m.mu.Unlock()
		return // no server
	case !ok:
		i = old.info // its last words
	}
	if e.Kind.Gone() {
		i.Ready = false
	}
	p := &peer{info: i, member: e.Member, seen: e.Time}
	m.all[p.id()] = p
	m.forget()
	m.mu.Unlock()

	m.tellRaft()
	m.s.router.update(m.list())
	m.s.health.Rebalance()
	m.noteKnown()
	switch {
	case e.Kind.Gone():
		m.s.plane.ServerDown(p.id(), e.Kind == muster.MemberLeft)
		m.s.log.Info("a server is gone", "server", p.id(), "addr", p.member.Addr, "how", e.Kind.String())
		lost := e.Time
		if old != nil && old.member.State == muster.Suspect {
			lost = old.seen
		}
		m.s.router.adopt(p.id(), lost)
	case e.Kind == muster.MemberJoined || e.Kind == muster.MemberUpdated:
		m.s.plane.ServerUp(p.id(), i.Life)
		if e.Kind == muster.MemberJoined && p.id() != m.s.id {
			m.s.log.Info("a server is there", "server", p.id(), "addr", p.member.Addr)
		}
	}
}

// forget drops those that gossip has forgotten. The caller holds m.mu.
func (m *members) forget() {
	for id, p := range m.all {
		if p.here() {
			continue
		}
		if _, ok := m.s.node.Member(id); !ok {
			delete(m.all, id)
		}
	}
}

// list returns all servers in the order of their ids.
func (m *members) list() []*peer {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*peer, 0, len(m.all))
	for _, p := range m.all {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *peer) int { return cmp.Compare(a.id(), b.id()) })
	return out
}

// others returns the ids of the other servers that are there.
func (m *members) others() []string {
	var out []string
	for _, p := range m.list() {
		if p.here() && p.id() != m.s.id {
			out = append(out, p.id())
		}
	}
	return out
}

func (m *members) tellRaft() {
	var alive []consensus.Server
	for _, p := range m.list() {
		if p.here() {
			alive = append(alive, consensus.Server{ID: p.id(), Addr: p.raftAddr()})
		}
	}
	m.s.raft.SetMembers(alive)
}

// minority reports whether this server sees less than half of the cluster.
func (m *members) minority() bool {
	return m.few(m.s.raft.Status().Servers, func(s consensus.Member) bool { return s.Alive })
}

// outlook returns whether Raft knows a leader, how many have a vote, and how many
// of them gossip does not suspect.
func (m *members) outlook() (leader bool, voters, well int) {
	st := m.s.raft.Status()
	sound := make(map[string]bool)
	for _, p := range m.list() {
		sound[p.id()] = p.member.State < muster.Suspect
	}
	voters, well = m.count(st.Servers, func(s consensus.Member) bool { return sound[s.ID] })
	return st.Leader.ID != "", voters, well
}

// few reports whether less than half of the voters are there.
func (m *members) few(servers []consensus.Member, there func(consensus.Member) bool) bool {
	voters, count := m.count(servers, there)
	return voters > 1 && 2*count < voters
}

// count returns how many voters there are, and how many of them are there, this
// server always among them.
func (m *members) count(servers []consensus.Member, there func(consensus.Member) bool) (voters, count int) {
	for _, s := range servers {
		if s.Voter {
			voters++
			if s.ID == m.s.id || there(s) {
				count++
			}
		}
	}
	return voters, count
}
