package consensus

import (
	"time"

	"github.com/hashicorp/raft"
)

// A follower of the engine learns that an entry is committed with the next
// request that carries the log; when writes pause, that is after CommitTimeout:
// too long for a write that waits to be read at the server it came from, and
// for the subscribers there. A shorter timeout costs idle servers their rest.
// So the leader sends, when nothing follows the committed entry, the request
// that the engine would send later: empty, with that entry as the previous one
// and as committed. It says nothing that is not true for ever: this entry, of
// this term, is committed.

// noteCommit runs on the engine's goroutine after each batch that was applied.
func (n *Node) noteCommit(last *raft.Log) {
	r := n.trans.raft.Load()
	if r == nil || r.State() != raft.Leader || r.CurrentTerm() != last.Term || r.LastIndex() != last.Index {
		return
	}
	c := &commitNotice{term: last.Term, index: last.Index}
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if string(s.ID) != n.opts.ID {
			n.notify(s, c)
		}
	}
}

// commitNotice is the fact that a follower is told.
type commitNotice struct{ term, index uint64 }

// notify tells one server, one notice at a time, and then the newest.
func (n *Node) notify(s raft.Server, c *commitNotice) {
	p := n.trans.peer(s.ID)
	p.notice.Store(c)
	if !p.noticing.CompareAndSwap(false, true) {
		return // who is at it will see the newer one
	}
	if !n.mux.spawn(func() { n.keepNotifying(s, p) }) {
		p.noticing.Store(false)
	}
}

func (n *Node) keepNotifying(s raft.Server, p *peerState) {
	for {
		c := p.notice.Load()
		n.sendNotice(s, c)
		if p.notice.Load() != c {
			continue
		}
		p.noticing.Store(false)
		// One that came in just before found noticing set.
		if p.notice.Load() == c || !p.noticing.CompareAndSwap(false, true) {
			return
		}
	}
}

// sendNotice repeats a notice that arrives before the entry it is about, which
// happens to the slowest server, or that is lost with its connection: the entry
// may have got through with a commit index from before. After CommitTimeout the
// engine has said it, or will when the server can be reached again.
func (n *Node) sendNotice(s raft.Server, c *commitNotice) {
	r, p := n.trans.raft.Load(), n.trans.peer(s.ID)
	until := time.Now().Add(n.opts.CommitTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, 20*time.Millisecond) {
		if r.State() != raft.Leader || r.CurrentTerm() != c.term || !n.trans.replicating(string(s.ID)) {
			return
		}
		req := n.trans.request(c.term)
		req.PrevLogEntry, req.PrevLogTerm, req.LeaderCommitIndex = c.index, c.term, c.index
		var resp raft.AppendEntriesResponse
		err := n.trans.NetworkTransport.AppendEntries(s.ID, s.Address, req, &resp)
		n.counters.notices.Add(1)
		if err == nil && (resp.Success || resp.Term != c.term) || time.Now().After(until) || p.notice.Load() != c {
			return
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-n.ctx.Done():
		}
		t.Stop()
	}
}
