package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// readyEvery is how often a server looks whether it is ready.
const readyEvery = 200 * time.Millisecond

// readiness is the last finding.
type readiness struct {
	mu  sync.Mutex
	err error // nil: ready
}

func (r *readiness) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

func (r *readiness) get() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// errStarting is the finding before the first.
var errStarting = errors.New("starting")

// Ready returns nil when this server is a full part of the cluster: it has
// caught up with the leader, is being sent the log, and has its vote. Until then,
// and again when that ends, it returns the reason. When every server is ready,
// one may be taken away.
func (n *Node) Ready() error {
	if err := n.Err(); err != nil {
		return err
	}
	return n.readiness.get()
}

// watchReady keeps the finding fresh.
func (n *Node) watchReady(r *raft.Raft) {
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		lead := n.leaders.watch()
		err := n.checkReady(r)
		n.sayReady(n.readiness.get(), err)
		n.readiness.set(err)
		select {
		case <-tick.C:
		case <-lead:
		case <-n.ctx.Done():
			return
		}
	}
}

// sayReady logs a change of the finding.
func (n *Node) sayReady(was, now error) {
	switch {
	case (was == nil) == (now == nil) || n.ctx.Err() != nil:
	case now == nil:
		n.log.Info("raft is ready")
	default:
		n.log.Info("raft is not ready", "reason", now)
	}
}

func (n *Node) checkReady(r *raft.Raft) error {
	id := n.leaders.id()
	switch {
	case id == "":
		return ErrNoLeader
	case id == n.opts.ID && n.leads(r):
		return nil
	case id == n.opts.ID:
		return errors.New("this server has just begun to lead")
	}
	ctx, cancel := context.WithTimeout(n.ctx, n.opts.Heartbeat*2)
	defer cancel()
	answer, err := n.client.call(ctx, nil, id, askHealth, nil)
	if err != nil {
		return fmt.Errorf("asking the leader %s: %w", id, err)
	}
	index, flags, err := answer.index()
	switch {
	case err != nil:
		return fmt.Errorf("asking the leader %s: %w", id, err)
	case len(flags) != 1:
		return fmt.Errorf("the leader %s answered %d bytes", id, len(flags))
	case flags[0]&healthReplicating == 0:
		return errors.New("the leader's entries do not arrive here")
	case flags[0]&healthSettled == 0:
		return errors.New("this server has no vote yet")
	}
	if err := n.machine.progress.wait(ctx, index); err != nil {
		return fmt.Errorf("applied up to entry %d, the leader is at %d", n.machine.progress.at(), index)
	}
	return nil
}
