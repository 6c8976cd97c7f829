package consensus

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// transport is the engine's network transport with four changes.
//
//   - A failed replication is repeated here instead of being reported. The
//     engine answers each reported failure with a pause that doubles up to ten
//     seconds and that nothing cuts short: a follower that returns from an
//     outage would look healthy and get no entries. Here the repetition waits
//     for the next heartbeat that gets through.
//   - A server goes by identity and address. The engine remembers whom it voted
//     for by this name, so that a server on a dead one's address is not taken
//     for it; and the address is the one gossip knows, so that a cluster of
//     which all addresses changed finds itself again.
//   - A request is cut to a size that passes within its time.
//   - A request for a vote is repeated over a new connection, see pastOldConns.
type transport struct {
	*raft.NetworkTransport
	self    string
	addr    string
	members *members
	log     *slog.Logger
	raft    atomic.Pointer[raft.Raft]
	stop    context.Context // ends the repetitions

	mu    sync.Mutex
	peers map[raft.ServerID]*peerState
}

// maxAppendBytes is about how much one request carries.
const maxAppendBytes = 2 << 20

func newTransport(m *mux, mem *members, timeout time.Duration, log *slog.Logger, hlog hclog.Logger) *transport {
	t := &transport{
		self: m.self, addr: m.addr, members: mem, log: log, stop: m.ctx,
		peers: make(map[raft.ServerID]*peerState),
	}
	t.NetworkTransport = raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		ServerAddressProvider: t, Stream: raftStream{m}, MaxPool: maxPool, Timeout: timeout, Logger: hlog,
	})
	return t
}

// ServerAddr implements raft.ServerAddressProvider.
func (t *transport) ServerAddr(id raft.ServerID) (raft.ServerAddress, error) {
	addr, _ := t.where(string(id))
	return raft.ServerAddress(joinPeer(string(id), addr)), nil
}

// where returns the address of a server: what gossip says, else where it was
// when it was taken in.
func (t *transport) where(id string) (string, bool) {
	if addr, ok := t.members.addr(id); ok {
		return addr, true
	}
	if r := t.raft.Load(); r != nil {
		for _, s := range r.GetConfiguration().Configuration().Servers {
			if string(s.ID) == id {
				return serverOf(s).Addr, true
			}
		}
	}
	return "", false
}

// LocalAddr implements raft.Transport.
func (t *transport) LocalAddr() raft.ServerAddress { return raft.ServerAddress(t.addr) }

// EncodePeer implements raft.Transport.
func (t *transport) EncodePeer(id raft.ServerID, addr raft.ServerAddress) []byte {
	return []byte(joinPeer(string(id), string(addr)))
}

// DecodePeer implements raft.Transport.
func (t *transport) DecodePeer(b []byte) raft.ServerAddress {
	_, addr := splitPeer(string(b))
	return raft.ServerAddress(addr)
}

func (t *transport) peer(id raft.ServerID) *peerState {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.peers[id]
	if p == nil {
		p = &peerState{wake: make(chan struct{})}
		t.peers[id] = p
	}
	return p
}

// isHeartbeat tells the engine's heartbeats from what carries the log.
func isHeartbeat(a *raft.AppendEntriesRequest) bool {
	return a.PrevLogEntry == 0 && a.PrevLogTerm == 0 && len(a.Entries) == 0 && a.LeaderCommitIndex == 0
}

// AppendEntries implements raft.Transport.
func (t *transport) AppendEntries(id raft.ServerID, at raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
	p := t.peer(id)
	if isHeartbeat(args) {
		err := t.NetworkTransport.AppendEntries(id, at, args, resp)
		if err == nil {
			t.members.heard(string(id))
			p.reached()
		}
		return err
	}
	cutRequest(args)
	pause := 20 * time.Millisecond
	for {
		wake := p.waker()
		err := t.NetworkTransport.AppendEntries(id, at, args, resp)
		if err == nil {
			if since := p.works(); since > 0 {
				t.log.Info("a server gets the log again", "server", id, "after", since.Round(time.Millisecond))
			}
			return nil
		}
		if p.fails() {
			t.log.Info("a server does not get the log", "server", id, "err", err)
		}
		if !t.stillServing(args.Term, id) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-wake:
		case <-timer.C:
		case <-t.stop.Done():
		}
		timer.Stop()
		pause = min(2*pause, 250*time.Millisecond)
	}
}

// stillServing says whether this server still leads that term and the other is
// still part of the cluster.
func (t *transport) stillServing(term uint64, id raft.ServerID) bool {
	r := t.raft.Load()
	if r == nil || t.stop.Err() != nil || r.State() != raft.Leader || r.CurrentTerm() != term {
		return false
	}
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.ID == id {
			return true
		}
	}
	return false
}

// cutRequest shortens a request that is too large. The engine continues behind
// the last entry that is left.
func cutRequest(a *raft.AppendEntriesRequest) {
	size := 0
	for i, l := range a.Entries {
		size += len(l.Data)
		if size > maxAppendBytes && i > 0 {
			a.Entries = a.Entries[:i]
			return
		}
	}
}

// AppendEntriesPipeline implements raft.Transport.
func (t *transport) AppendEntriesPipeline(id raft.ServerID, at raft.ServerAddress) (raft.AppendPipeline, error) {
	p, err := t.NetworkTransport.AppendEntriesPipeline(id, at)
	if err != nil {
		return nil, err
	}
	return cuttingPipeline{p}, nil
}

// cuttingPipeline keeps requests small.
type cuttingPipeline struct{ raft.AppendPipeline }

func (c cuttingPipeline) AppendEntries(args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) (raft.AppendFuture, error) {
	cutRequest(args)
	return c.AppendPipeline.AppendEntries(args, resp)
}

// InstallSnapshot implements raft.Transport. The stream cannot be repeated, so
// it is begun only when the other server answers.
func (t *transport) InstallSnapshot(id raft.ServerID, at raft.ServerAddress, args *raft.InstallSnapshotRequest,
	resp *raft.InstallSnapshotResponse, data io.Reader) error {
	p := t.peer(id)
	for {
		wake := p.waker()
		err := t.heartbeat(id, at, args.Term)
		if err == nil {
			break
		}
		p.fails()
		if !t.stillServing(args.Term, id) {
			return err
		}
		select {
		case <-wake:
		case <-time.After(250 * time.Millisecond):
		case <-t.stop.Done():
		}
	}
	err := t.NetworkTransport.InstallSnapshot(id, at, args, resp, data)
	if err == nil && resp.Success {
		p.works()
	}
	return err
}
