package consensus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// proposal is one command on its way into the log, from here or from another
// server.
type proposal struct {
	data []byte      // as appendCommand wrote it
	done func(reply) // called exactly once; must not wait
}

// submitter is the leader's door to the log: it packs what is waiting into one
// entry while earlier entries are on their way, so that the size of an entry
// follows the load by itself.
type submitter struct {
	raft    func() *raft.Raft
	timeout time.Duration
	slots   chan struct{} // entries under way

	mu      sync.Mutex
	queue   []proposal
	closed  bool
	wake    chan struct{}
	flying  map[*batch]struct{}
	landed  sync.Cond // a batch ended
	entries uint64
	packed  uint64
}

// entriesInFlight is how many entries are under way at once, at most: two, so
// that the leader's disk works on one while the followers' work on the other.
// More makes entries smaller, and each of them costs the same: a write to three
// disks, four messages, a dozen goroutines that wake up. So the second is begun
// only when it is as large as the first; less than that waits until the first
// has landed, and is joined by what comes until then.
const entriesInFlight = 2

// batch is the proposals of one entry.
type batch struct {
	proposals []proposal
	once      sync.Once
}

func newSubmitter(r func() *raft.Raft, timeout time.Duration) *submitter {
	s := &submitter{
		raft: r, timeout: timeout,
		slots:  make(chan struct{}, entriesInFlight),
		wake:   make(chan struct{}, 1),
		flying: make(map[*batch]struct{}),
	}
	s.landed.L = &s.mu
	return s
}

// add queues a proposal. How many there can be is bounded by who calls: each
// server's author and each connection have a limit.
func (s *submitter) add(p proposal) {
	r := s.raft()
	if r == nil || r.State() != raft.Leader {
		p.done(reply{code: replyNotLeader})
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		p.done(failReply(replyNotLeader, ErrClosed))
		return
	}
	s.queue = append(s.queue, p)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run packs and submits until ctx ends.
func (s *submitter) run(ctx context.Context) {
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		}
		for {
			select {
			case s.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			b := s.take()
			if b == nil {
				<-s.slots
				break
			}
			s.submit(b)
		}
	}
}

// take removes from the queue what fits into one entry.
func (s *submitter) take() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	for b := range s.flying {
		if len(s.queue) < min(len(b.proposals), maxBatchCommands) {
			return nil
		}
	}
	n, size := 0, 0
	for n < len(s.queue) && n < maxBatchCommands && (n == 0 || size+len(s.queue[n].data) <= maxBatchBytes) {
		size += len(s.queue[n].data)
		n++
	}
	if n == 0 {
		return nil
	}
	b := &batch{proposals: append([]proposal(nil), s.queue[:n]...)}
	rest := copy(s.queue, s.queue[n:])
	clear(s.queue[rest:])
	s.queue = s.queue[:rest]
	if cap(s.queue) > 4096 && rest == 0 {
		s.queue = nil
	}
	s.flying[b] = struct{}{}
	s.entries++
	s.packed += uint64(n)
	return b
}

// submit hands an entry to the engine and has its future awaited.
func (s *submitter) submit(b *batch) {
	data := make([][]byte, len(b.proposals))
	for i, p := range b.proposals {
		data[i] = p.data
	}
	future := s.raft().Apply(encodeEntry(kindCommands, data), s.timeout)
	go func() {
		err := future.Error()
		<-s.slots
		if err != nil {
			s.land(b, failed(err))
			return
		}
		s.land(b, applied(future))
	}()
}

// land answers every proposal of a batch, once.
func (s *submitter) land(b *batch, answer func(i int) reply) {
	b.once.Do(func() {
		for i, p := range b.proposals {
			p.done(answer(i))
		}
		s.mu.Lock()
		delete(s.flying, b)
		s.landed.Broadcast()
		s.mu.Unlock()
		select {
		case s.wake <- struct{}{}: // what waited for it
		default:
		}
	})
}

// failed says what an error of the engine means for the commands.
func failed(err error) func(int) reply {
	code := replyUnknown
	switch {
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrEnqueueTimeout), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		code = replyNotLeader // none of them reached the log
	}
	r := failReply(code, err)
	return func(int) reply { return r }
}

// applied takes the answers out of the future of an entry that was committed.
func applied(future raft.ApplyFuture) func(int) reply {
	switch res := future.Response().(type) {
	case []answer:
		index := future.Index()
		return func(i int) reply {
			if i >= len(res) {
				return failReply(replyUnknown, fmt.Errorf("entry %d has %d answers", index, len(res)))
			}
			if err := res[i].err; err != nil {
				return failReply(replyUnknown, err)
			}
			return indexReply(index, res[i].data)
		}
	case error:
		return failed(res)
	default:
		return failed(fmt.Errorf("the state machine answered %T", res))
	}
}

// close refuses what is queued and what comes, and waits until what is under way
// has ended, or ctx does: then its outcome is unknown.
func (s *submitter) close(ctx context.Context) {
	s.mu.Lock()
	s.closed = true
	queue := s.queue
	s.queue = nil
	s.mu.Unlock()
	for _, p := range queue {
		p.done(failReply(replyNotLeader, ErrClosed))
	}
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.landed.Broadcast()
	})
	defer stop()
	s.mu.Lock()
	for len(s.flying) > 0 && ctx.Err() == nil {
		s.landed.Wait()
	}
	var left []*batch
	for b := range s.flying {
		left = append(left, b)
	}
	s.mu.Unlock()
	for _, b := range left {
		s.land(b, failed(ErrClosed))
	}
}
