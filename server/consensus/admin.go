package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// What an operator may ask for on any server.

// adminRequest is such a wish on its way to the leader.
type adminRequest struct {
	Op     string `json:"op"`
	Server string `json:"server,omitempty"`
}

const (
	opTransfer = "transfer"
	opRemove   = "remove"
)

// TransferLeadership hands the leadership to a server, or, when id is empty, to
// the one that is furthest. It returns when the old leader has stepped down.
// When it fails, the old leader goes on.
func (n *Node) TransferLeadership(ctx context.Context, id string) error {
	return n.askLeader(ctx, adminRequest{Op: opTransfer, Server: id})
}

// RemoveServer takes a server out of the configuration, whether a majority of
// the rest is well or not: that is for the operator to know. A server that
// gossip holds for alive is refused: the leader would take it in again. Stop it
// first, or use Leave on it.
func (n *Node) RemoveServer(ctx context.Context, id string) error {
	if _, alive := n.members.addr(id); alive && id != n.opts.ID {
		return fmt.Errorf("server %s is alive and would be taken in again; stop it first", id)
	}
	return n.askLeader(ctx, adminRequest{Op: opRemove, Server: id})
}

// Leave takes this server out of the cluster for good, to be closed afterwards.
// A restart needs no Leave. When it fails, the server is still a part.
func (n *Node) Leave(ctx context.Context) error {
	n.leaving.Store(true)
	err := n.askLeader(ctx, adminRequest{Op: opRemove, Server: n.opts.ID})
	if err != nil {
		n.leaving.Store(false)
	}
	return err
}

// Snapshot writes the state of this server now and cuts its log. Nothing new to
// write is no error.
func (n *Node) Snapshot(ctx context.Context) error {
	r := n.trans.raft.Load()
	if err := n.Err(); err != nil {
		return err
	}
	done := make(chan error, 1)
	n.mux.spawn(func() { done <- n.await(r.Snapshot()) })
	select {
	case err := <-done:
		if errors.Is(err, raft.ErrNothingNewToSnapshot) {
			err = nil
		}
		if err != nil {
			n.logs.diskErrors.note(err)
		}
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-n.ctx.Done():
		return context.Cause(n.ctx)
	}
}

// askLeader has a request done by whoever leads. Both requests may be repeated.
func (n *Node) askLeader(ctx context.Context, q adminRequest) error {
	ctx, cancel := n.patience(ctx)
	defer cancel()
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	last := ErrNoLeader
	for try := 0; ; try++ {
		changed := n.leaders.watch()
		id := n.leaders.id()
		if n.Err() != nil || ctx.Err() != nil {
			return n.whyEnded(ctx, last)
		}
		var r reply
		switch id {
		case "":
			r, last = reply{code: replyNotLeader}, ErrNoLeader
		case n.opts.ID:
			r, last = n.administer(q), nil
		default:
			r, last = n.client.call(ctx, nil, id, askAdmin, body)
		}
		if last == nil {
			if last = r.err(); last == nil {
				return nil
			}
			if r.code == replyRefused {
				return last
			}
		}
		pauseForLeader(ctx, changed, try+9)
	}
}

// administer does what is asked of the leader.
func (n *Node) administer(q adminRequest) reply {
	r := n.trans.raft.Load()
	if !n.leads(r) {
		return reply{code: replyNotLeader}
	}
	id := raft.ServerID(q.Server)
	var conf raft.Configuration = r.GetConfiguration().Configuration()
	var target raft.Server
	for _, s := range conf.Servers {
		if s.ID == id {
			target = s
		}
	}
	var err error
	switch {
	case q.Op == opTransfer && q.Server == n.opts.ID:
		return okReply(nil) // it leads already
	case q.Op == opTransfer && q.Server == "":
		err = n.await(r.LeadershipTransfer())
	case q.Op == opTransfer && target.Suffrage == raft.Voter && target.ID != "":
		err = n.await(r.LeadershipTransferToServer(id, target.Address))
	case q.Op == opTransfer:
		return failReply(replyRefused, fmt.Errorf("server %s has no vote in this cluster", q.Server))
	case q.Op == opRemove && target.ID == "":
		return okReply(nil) // it is not there
	case q.Op == opRemove && q.Server == n.opts.ID && len(conf.Servers) == 1:
		return failReply(replyRefused, errors.New("the last server cannot leave its cluster"))
	case q.Op == opRemove && q.Server == n.opts.ID:
		// Somebody else has to do it: a leader that removes itself counts its
		// own disk no more.
		if err := n.await(r.LeadershipTransfer()); err != nil {
			return failReply(replyNotProposed, fmt.Errorf("handing the leadership on: %w", err))
		}
		return reply{code: replyNotLeader}
	case q.Op == opRemove:
		err = n.await(r.RemoveServer(id, 0, n.opts.RPCTimeout))
	default:
		return failReply(replyRefused, fmt.Errorf("request for %q", q.Op))
	}
	if err != nil {
		return failReply(replyNotProposed, err)
	}
	n.log.Info("done for an operator", "op", q.Op, "server", q.Server)
	return okReply(nil)
}

// keepSmall takes snapshots by bytes: the engine counts entries only, and an
// entry may be large. It also moves the mark.
func (n *Node) keepSmall(r *raft.Raft) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
		if err := n.dir.setMark(n.machine.progress.at(), false); err != nil {
			n.logs.diskErrors.note(err)
		}
		size, entries := n.logs.appended.Load(), n.logs.entries.Load()
		if size < n.opts.SnapshotBytes || entries == 0 {
			continue
		}
		// Behind the snapshot stays about a quarter of what led to it.
		conf := r.ReloadableConfig()
		conf.TrailingLogs = min(n.opts.TrailingEntries, max(64, uint64(entries/4)))
		if err := r.ReloadConfig(conf); err != nil {
			n.log.Warn("changing the length of the log", "err", err)
		}
		if err := n.Snapshot(n.ctx); err != nil && n.ctx.Err() == nil {
			n.log.Warn("taking a snapshot", "err", err)
		}
	}
}
