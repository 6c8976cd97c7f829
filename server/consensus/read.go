package consensus

import (
	"context"
	"fmt"
	"sync"

	"github.com/hashicorp/raft"
)

// Linearizable returns when the local FSM contains everything that was
// acknowledged anywhere before the call: what is read from it afterwards is as
// new as if all clients had used one copy. It costs one exchange between the
// leader and a majority, shared by all who ask at the same time, and writes
// nothing. On an error nothing may be concluded from what is read.
func (n *Node) Linearizable(ctx context.Context) error {
	ctx, cancel := n.patience(ctx)
	defer cancel()
	var last error
	for try := 0; ; try++ {
		changed := n.leaders.watch()
		id := n.leaders.id()
		if n.Err() != nil || ctx.Err() != nil {
			n.counters.readsFailed.Add(1)
			return n.whyEnded(ctx, last)
		}
		var index uint64
		switch id {
		case "":
			last = ErrNoLeader
		case n.opts.ID:
			index, last = n.readHere(ctx)
		default:
			index, last = n.readAt(ctx, id, changed)
		}
		if last == nil {
			if last = n.machine.progress.wait(ctx, index); last == nil {
				n.counters.reads.Add(1)
				return nil
			}
		}
		pauseForLeader(ctx, changed, try)
	}
}

// readHere asks this server, which leads or led.
func (n *Node) readHere(ctx context.Context) (uint64, error) {
	type found struct {
		index uint64
		err   error
	}
	done := make(chan found, 1)
	n.reads.ask(func(index uint64, err error) { done <- found{index, err} })
	select {
	case f := <-done:
		return f.index, f.err
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// readAt asks another server. A question does no harm, so it is put again soon.
func (n *Node) readAt(ctx context.Context, id string, changed <-chan struct{}) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, n.opts.RPCTimeout)
	defer cancel()
	r, err := n.client.call(ctx, changed, id, askReadIndex, nil)
	if err != nil {
		return 0, err
	}
	index, _, err := r.index()
	return index, err
}

// reads answers questions for the read index on the leader: those that arrive
// while one round is under way share the next.
type reads struct {
	round func() (uint64, error)
	spawn func(func()) bool

	mu      sync.Mutex
	waiting []func(uint64, error)
	running bool
	rounds  uint64
}

// ask calls done, exactly once, with an index that covers all that was
// acknowledged before the call.
func (r *reads) ask(done func(uint64, error)) {
	r.mu.Lock()
	r.waiting = append(r.waiting, done)
	if r.running {
		r.mu.Unlock()
		return
	}
	r.running = true
	r.mu.Unlock()
	if !r.spawn(r.run) {
		r.run() // the node closes: each round fails at once
	}
}

func (r *reads) run() {
	for {
		r.mu.Lock()
		waiting := r.waiting
		r.waiting = nil
		if len(waiting) == 0 {
			r.running = false
			r.mu.Unlock()
			return
		}
		r.rounds++
		r.mu.Unlock()
		index, err := r.round()
		for _, done := range waiting {
			done(index, err)
		}
	}
}

// readIndex is one round (Raft thesis, section 6.4): this server has an entry of
// its own term applied, so its commit index is that of the cluster; it notes the
// index; and then a majority says that it still leads.
func (n *Node) readIndex() (uint64, error) {
	r := n.trans.raft.Load()
	if r == nil || n.ctx.Err() != nil || r.State() != raft.Leader {
		return 0, errNotLeader
	}
	term := r.CurrentTerm()
	if n.leaders.opened.Load() != term {
		return 0, fmt.Errorf("%w yet", errNotLeader)
	}
	index := r.CommitIndex()
	if err := n.confirm(r, term); err != nil {
		return 0, err
	}
	if r.State() != raft.Leader || r.CurrentTerm() != term {
		return 0, errNotLeader
	}
	return n.logs.visible(index), nil
}

// confirm asks the other voters whether this server leads in that term. The
// engine's VerifyLeader also counts answers to what was sent before it was
// called: after the process was stopped for a while, such an answer lies in the
// socket and proves nothing.
func (n *Node) confirm(r *raft.Raft, term uint64) error {
	voters, votes := 0, 0
	answers := make(chan error, maxServers)
	asked := 0
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.Suffrage != raft.Voter {
			continue
		}
		voters++
		if string(s.ID) == n.opts.ID {
			votes++
			continue
		}
		p := n.trans.peer(s.ID)
		if !p.confirming.CompareAndSwap(false, true) {
			continue // an older question is still open there: its answer does not count
		}
		started := n.mux.spawn(func() {
			defer p.confirming.Store(false)
			answers <- n.trans.heartbeat(s.ID, s.Address, term)
		})
		if !started {
			p.confirming.Store(false)
			return ErrClosed
		}
		asked++
	}
	need := voters/2 + 1
	var last error
	for ; votes < need && asked > 0; asked-- {
		if err := <-answers; err != nil {
			last = err
		} else {
			votes++
		}
	}
	if votes < need {
		return fmt.Errorf("%w: %d of %d voters confirm it: %w", errNotLeader, votes, voters, last)
	}
	return nil
}

// committed returns what a server that is up to date has applied.
func (n *Node) committed() (uint64, error) {
	r := n.trans.raft.Load()
	if r == nil || r.State() != raft.Leader || n.leaders.opened.Load() != r.CurrentTerm() {
		return 0, errNotLeader
	}
	return n.logs.visible(r.CommitIndex()), nil
}
