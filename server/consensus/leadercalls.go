package consensus

import (
	"github.com/hashicorp/raft"
)

// heartbeat asks another server whether it follows this one in that term. An
// answer was given after the question was put, which the engine's own check of
// its leadership does not ensure.
func (t *transport) heartbeat(id raft.ServerID, at raft.ServerAddress, term uint64) error {
	var resp raft.AppendEntriesResponse
	if err := t.NetworkTransport.AppendEntries(id, at, t.request(term), &resp); err != nil {
		return err
	}
	if !resp.Success || resp.Term != term {
		return errNotLeader
	}
	return nil
}

// request is an empty request of this server as leader of a term.
func (t *transport) request(term uint64) *raft.AppendEntriesRequest {
	name := t.EncodePeer(raft.ServerID(t.self), raft.ServerAddress(t.addr))
	return &raft.AppendEntriesRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(t.self), Addr: name},
		Term:      term,
	}
}

// replicating says whether the log reaches a server, as far as is known.
func (t *transport) replicating(id string) bool {
	t.mu.Lock()
	p := t.peers[raft.ServerID(id)]
	t.mu.Unlock()
	if p == nil {
		return true // never tried
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failing.IsZero()
}
