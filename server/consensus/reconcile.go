package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// reconcileEvery is how often the leader compares the configuration with gossip
// when nothing tells it to.
const reconcileEvery = time.Second

// reconcile makes the configuration follow gossip while this server leads.
func (n *Node) reconcile(r *raft.Raft) {
	for {
		_, gossip := n.members.list()
		lead := n.leaders.watch()
		pause := reconcileEvery
		if n.leads(r) {
			changed, err := n.reconcileOnce(r)
			switch {
			case err != nil && n.ctx.Err() == nil:
				n.log.Warn("changing the configuration", "err", err)
			case changed:
				pause = time.Millisecond
			}
		} else {
			// Keep the clocks of the silent going, for when this server leads.
			n.members.silence(r.GetConfiguration().Configuration().Servers, time.Now())
		}
		t := time.NewTimer(pause)
		select {
		case <-gossip:
		case <-lead:
		case <-t.C:
		case <-n.ctx.Done():
		}
		t.Stop()
		if n.ctx.Err() != nil {
			return
		}
	}
}

// leads says whether this server leads and has opened its term.
func (n *Node) leads(r *raft.Raft) bool {
	return r != nil && r.State() == raft.Leader && n.leaders.opened.Load() == r.CurrentTerm()
}

// reconcileOnce makes at most one change.
func (n *Node) reconcileOnce(r *raft.Raft) (bool, error) {
	future := r.GetConfiguration()
	if err := future.Error(); err != nil {
		return false, err
	}
	v := n.look(future.Configuration().Servers)
	c, ok := v.next()
	if !ok {
		return false, nil
	}
	id := raft.ServerID(c.server.ID)
	var done raft.Future
	switch c.kind {
	case changeRemove:
		done = r.RemoveServer(id, 0, n.opts.RPCTimeout)
	case changePromote:
		done = r.AddVoter(id, engineAddr(c.server), 0, n.opts.RPCTimeout)
	default:
		done = r.AddNonvoter(id, engineAddr(c.server), 0, n.opts.RPCTimeout)
	}
	if err := n.await(done); err != nil {
		if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) {
			return false, nil // the next leader's work
		}
		return false, err
	}
	n.counters.changes.Add(1)
	n.log.Info("configuration changed", "change", c.kind, "server", c.server.ID, "addr", c.server.Addr)
	return true, nil
}

// await waits for the engine, or for the end of the node: the engine does not
// end everything that is pending when it is shut down.
func (n *Node) await(f raft.Future) error {
	done := make(chan error, 1)
	go func() { done <- f.Error() }()
	select {
	case err := <-done:
		return err
	case <-n.ctx.Done():
		return ErrClosed
	}
}

// look gathers what is needed to decide. Only servers whose place is to change
// are asked.
func (n *Node) look(servers []raft.Server) view {
	alive, _ := n.members.list()
	v := view{
		self: n.opts.ID, servers: servers, alive: alive,
		silence: n.members.silence(servers, time.Now()),
		ready:   make(map[string]bool), willing: make(map[string]bool),
		deadAfter: n.opts.DeadAfter, maxVoters: n.opts.MaxVoters, minVoters: n.opts.MinVoters,
	}
	var ask []string
	for _, a := range alive {
		s, known := v.configured(a.ID)
		if !known || s.Suffrage != raft.Voter && v.voters() < v.maxVoters {
			ask = append(ask, a.ID)
		}
	}
	committed, err := n.committed()
	for id, in := range n.askAll(n.ctx, ask, n.opts.Heartbeat*2) {
		_, known := v.configured(id)
		_, mine := n.dir.certificate()
		switch {
		case in.Leaving || in.Fault != "":
		case !known:
			v.willing[id] = in.Cluster == "" || in.Cluster == mine.String()
			if !v.willing[id] {
				n.once("a server belongs to another cluster and is not taken in", "server", id, "cluster", in.Cluster)
			}
		default:
			// Behind by less than what is on its way all the time.
			v.ready[id] = err == nil && in.Applied+64 >= committed && n.trans.replicating(id)
		}
	}
	return v
}

// askAll asks servers at once and returns the answers that came in time.
func (n *Node) askAll(ctx context.Context, ids []string, d time.Duration) map[string]info {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	var mu sync.Mutex
	var wg sync.WaitGroup
	answers := make(map[string]info)
	for _, id := range ids {
		if id == n.opts.ID {
			mu.Lock()
			answers[id] = n.info()
			mu.Unlock()
			continue
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			in, err := n.askOne(ctx, id)
			if err != nil {
				n.log.Debug("asking a server", "server", id, "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			answers[id] = in
		}()
	}
	wg.Wait()
	return answers
}

func (n *Node) askOne(ctx context.Context, id string) (in info, err error) {
	r, err := n.client.call(ctx, nil, id, askInfo, nil)
	if err == nil {
		err = r.err()
	}
	if err == nil {
		err = json.Unmarshal(r.body, &in)
	}
	return in, err
}

// settled tells health whether a server has the vote it is going to have.
func (n *Node) settled(id string) bool {
	r := n.trans.raft.Load()
	v := view{servers: r.GetConfiguration().Configuration().Servers, maxVoters: n.opts.MaxVoters}
	return v.settled(id)
}
