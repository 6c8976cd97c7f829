package consensus

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Propose has a command agreed and applied and returns the FSM's answer. It may
// be called on any server; the answer comes after a majority has the command on
// disk and, unless ctx ends in between, after the FSM of this server has applied
// it, too: who gets the answer can read the effect here.
//
// While ctx lasts (Options.ProposeTimeout when it has no deadline), it is tried
// again with whoever leads, without being applied twice. An error wraps either
// ErrNotProposed or ErrOutcomeUnknown, and tells which.
func (n *Node) Propose(ctx context.Context, cmd []byte) ([]byte, error) {
	if len(cmd) > n.opts.MaxCommand {
		n.counters.refused.Add(1)
		return nil, notProposed(fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooLarge, len(cmd), n.opts.MaxCommand))
	}
	ctx, cancel := n.patience(ctx)
	defer cancel()
	start := time.Now()
	c, err := n.author.begin(ctx, cmd)
	if err != nil {
		n.counters.refused.Add(1)
		return nil, notProposed(n.whyEnded(ctx, err))
	}
	defer n.author.end(c.seq)
	index, answer, err := n.drive(ctx, appendCommand(make([]byte, 0, len(cmd)+commandOverhead), c))
	if err != nil {
		if errors.Is(err, ErrOutcomeUnknown) {
			n.counters.unknown.Add(1)
		} else {
			n.counters.refused.Add(1)
		}
		return nil, err
	}
	// It is kept whatever happens now; when ctx ends first it is just not
	// visible here yet.
	_ = n.machine.progress.wait(ctx, index)
	n.counters.proposed.Add(1)
	n.proposals.observe(time.Since(start))
	return answer, nil
}

// patience bounds ctx and ends it when the node does.
func (n *Node) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	cancel := context.CancelFunc(func() {})
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, n.opts.ProposeTimeout)
	}
	ctx, cancelCause := context.WithCancelCause(ctx)
	stop := context.AfterFunc(n.ctx, func() { cancelCause(context.Cause(n.ctx)) })
	return ctx, func() {
		stop()
		cancelCause(nil)
		cancel()
	}
}

// whyEnded says why an operation found no end in time.
func (n *Node) whyEnded(ctx context.Context, last error) error {
	if err := n.Err(); err != nil {
		return err
	}
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(last, cause) {
		return last
	}
	if last == nil {
		return cause
	}
	return fmt.Errorf("%w (last attempt: %w)", cause, last)
}

// drive sends an encoded command to whoever leads until the outcome is known or
// ctx ends.
func (n *Node) drive(ctx context.Context, data []byte) (index uint64, answer []byte, err error) {
	maybe := false // an attempt may have been taken
	var last error
	for try := 0; ; try++ {
		changed := n.leaders.watch()
		id := n.leaders.id()
		var r reply
		switch {
		case n.Err() != nil || ctx.Err() != nil:
			if maybe {
				return 0, nil, outcomeUnknown(n.whyEnded(ctx, last))
			}
			return 0, nil, notProposed(n.whyEnded(ctx, last))
		case id == "":
			r, last = reply{code: replyNotLeader}, ErrNoLeader
		case id == n.opts.ID:
			r, last = n.proposeHere(ctx, data)
		default:
			r, last = n.proposeAt(ctx, id, data, changed)
		}
		if last == nil {
			if index, answer, last = r.index(); last == nil {
				return index, answer, nil
			}
		}
		switch {
		case errors.Is(last, errNotSent), r.code == replyNotLeader:
			// Nothing was done: again, when somebody leads.
		case r.code == replyRefused:
			if !maybe {
				return 0, nil, notProposed(last)
			}
			return 0, nil, outcomeUnknown(last)
		default:
			maybe = true
		}
		n.counters.retried.Add(1)
		pauseForLeader(ctx, changed, try)
	}
}

// pauseForLeader waits until somebody else leads, or a moment.
func pauseForLeader(ctx context.Context, changed <-chan struct{}, try int) {
	t := time.NewTimer(min(time.Duration(try+1)*5*time.Millisecond, 50*time.Millisecond))
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	case <-ctx.Done():
	}
}

// proposeHere is an attempt on this server, which leads or led.
func (n *Node) proposeHere(ctx context.Context, data []byte) (reply, error) {
	done := make(chan reply, 1)
	n.submit.add(proposal{data: data, done: func(r reply) { done <- r }})
	select {
	case r := <-done:
		return r, nil
	case <-ctx.Done():
		return reply{code: replyUnknown}, context.Cause(ctx)
	}
}

// proposeAt is an attempt with another server. It is given up when somebody else
// leads: the command is safe to repeat.
func (n *Node) proposeAt(ctx context.Context, id string, data []byte, changed <-chan struct{}) (reply, error) {
	done, err := n.client.start(ctx, changed, id, askPropose, data)
	if err != nil {
		return reply{code: replyNotLeader}, err
	}
	n.counters.forwarded.Add(1)
	for {
		select {
		case r := <-done:
			if r.err != nil {
				return reply{code: replyUnknown}, r.err
			}
			return r.reply, nil
		case <-ctx.Done():
			return reply{code: replyUnknown}, context.Cause(ctx)
		case <-changed:
			changed = n.leaders.watch()
			if now := n.leaders.id(); now != "" && now != id {
				return reply{code: replyUnknown}, fmt.Errorf("leader changed from %s to %s", id, now)
			}
		}
	}
}
