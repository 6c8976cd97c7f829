package consensus

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
)

// leaders knows who leads, and tells who waits for a change.
type leaders struct {
	opened  atomic.Uint64 // the term in which this server leads and has an own entry applied
	changes atomic.Uint64

	mu      sync.Mutex
	leader  string
	addr    string
	changed chan struct{}
}

func newLeaders() *leaders { return &leaders{changed: make(chan struct{})} }

// id returns who leads, as far as this server knows; "" for nobody.
func (l *leaders) id() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leader
}

// watch returns a channel that is closed when somebody else leads.
func (l *leaders) watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

func (l *leaders) set(id, addr string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.leader == id && l.addr == addr {
		return
	}
	if id != "" && id != l.leader {
		l.changes.Add(1)
	}
	l.leader, l.addr = id, addr
	close(l.changed)
	l.changed = make(chan struct{})
}

// Leader returns who leads, as far as this server knows: cheaper than Status. Zero
// when nobody does.
func (n *Node) Leader() Server {
	n.leaders.mu.Lock()
	defer n.leaders.mu.Unlock()
	return Server{ID: n.leaders.leader, Addr: n.leaders.addr}
}

// Leads says whether this server leads, and everything agreed before is applied
// here. Another may have been elected meanwhile: only Linearizable knows.
func (n *Node) Leads() bool { return n.leads(n.trans.raft.Load()) }

// followLeaders keeps leaders up to date until the node ends. The engine's
// observations say when to look; looking now and then makes up for one dropped.
func (n *Node) followLeaders(r *raft.Raft) {
	seen := make(chan raft.Observation, 64)
	o := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		switch o.Data.(type) {
		case raft.LeaderObservation, raft.RaftState:
			return true
		}
		return false
	})
	r.RegisterObserver(o)
	defer r.DeregisterObserver(o)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		addr, id := r.LeaderWithID()
		n.leaders.set(string(id), string(addr))
		if r.State() == raft.Leader && n.leaders.opened.Load() != r.CurrentTerm() {
			// Fails when the leadership is lost, and is tried again if not.
			if err := n.openTerm(r); err != nil {
				n.log.Debug("opening the term", "err", err)
			}
		}
		select {
		case <-seen:
		case <-tick.C:
		case <-n.ctx.Done():
			n.leaders.set("", "")
			return
		}
	}
}

// openTerm writes an entry of this term and waits until it is applied here. From
// then on this server's commit index is that of the cluster.
func (n *Node) openTerm(r *raft.Raft) error {
	term := r.CurrentTerm()
	future := r.Apply(encodeEntry(kindOpening, nil), n.opts.RPCTimeout)
	done := make(chan error, 1)
	go func() { done <- future.Error() }()
	select {
	case err := <-done:
		if err != nil {
			return err
		}
	case <-n.ctx.Done():
		return ErrClosed
	}
	if err, ok := future.Response().(error); ok {
		return err
	}
	if r.State() != raft.Leader || r.CurrentTerm() != term {
		return errNotLeader
	}
	n.leaders.opened.Store(term)
	n.log.Info("this server leads", "term", term)
	return nil
}
