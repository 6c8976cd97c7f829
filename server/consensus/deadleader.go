package consensus

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
)

// The engine replaces a leader when every follower has missed it for one to two
// heartbeat timeouts, each by its own dice: a follower that still believes in the
// leader refuses its vote. That is right for a leader that may be merely slow or
// cut off. One whose process has died shows it at once: its machine refuses the
// connection. Then a follower stands for election as if the leader had handed on,
// which the others do not refuse. Whether it wins is for the votes, as always.

// watchLeader looks for a dead leader until the node ends. Rounds are parts of
// the heartbeat timeout: the engine's heartbeats come ten times in it.
func (n *Node) watchLeader(r *raft.Raft) {
	tick := time.NewTicker(n.opts.Heartbeat / 10)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.ctx.Done():
			return
		}
		id := n.leaders.id()
		if id == "" || id == n.opts.ID || !n.hearsNothing(r) {
			continue
		}
		if n.isRefused(id) {
			n.succeed(r, id)
		}
		n.pause(n.opts.Heartbeat / 2)
	}
}

// hearsNothing reports whether this server follows a leader that it has not heard
// for several heartbeats.
func (n *Node) hearsNothing(r *raft.Raft) bool {
	return r.State() == raft.Follower && time.Since(r.LastContact()) > 4*n.opts.Heartbeat/10
}

// isRefused reports whether nobody listens where a server was, on a machine that
// is there.
func (n *Node) isRefused(id string) bool {
	addr, ok := n.trans.where(id)
	if !ok {
		return false
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Heartbeat/2)
	defer cancel()
	c, err := n.opts.Stream.Dial(ctx, addr)
	if err == nil {
		_ = c.Close() // nothing was said
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// succeed stands for election after a dead leader. All followers see its death at
// the same time, so each but the first by name gives those before it time to win:
// one of them may not be up to date, and lose.
func (n *Node) succeed(r *raft.Raft, dead string) {
	var voters []string
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter && string(s.ID) != dead {
			voters = append(voters, string(s.ID))
		}
	}
	slices.Sort(voters)
	rank, votes := slices.BinarySearch(voters, n.opts.ID)
	if !votes {
		return
	}
	n.pause(time.Duration(rank) * n.opts.Heartbeat / 2)
	if now := n.leaders.id(); now != "" && now != dead || !n.hearsNothing(r) || n.ctx.Err() != nil {
		return
	}
	n.log.Info("the leader is dead: standing for election", "leader", dead)
	n.standNow(r)
}

// pause waits, or until the node ends.
func (n *Node) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-n.ctx.Done():
	}
}
