package consensus

import (
	"context"
	"crypto/rand"
	"sync"
)

// author numbers the commands of this run of this server, so that one that
// reaches the log twice is recognised. See session.
type author struct {
	id    sessionID
	limit uint64 // how far the newest may be ahead of the oldest unanswered

	mu    sync.Mutex
	next  uint64
	floor uint64              // the lowest without an answer, or next
	open  map[uint64]struct{} // without an answer
	room  chan struct{}       // closed when floor rises
}

func newAuthor(limit int) *author {
	a := &author{limit: uint64(limit), next: 1, floor: 1, open: make(map[uint64]struct{}), room: make(chan struct{})}
	_, _ = rand.Read(a.id[:]) // never fails, says its documentation
	return a
}

// begin numbers a command, when there is room for one more. end must follow.
func (a *author) begin(ctx context.Context, data []byte) (command, error) {
	for {
		a.mu.Lock()
		if a.next-a.floor < a.limit {
			c := command{session: a.id, seq: a.next, floor: a.floor, data: data}
			a.open[a.next] = struct{}{}
			a.next++
			a.mu.Unlock()
			return c, nil
		}
		room := a.room
		a.mu.Unlock()
		select {
		case <-room:
		case <-ctx.Done():
			return command{}, context.Cause(ctx)
		}
	}
}

// end says that nobody waits for the command's answer any more.
func (a *author) end(seq uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.open, seq)
	before := a.floor
	for a.floor < a.next {
		if _, ok := a.open[a.floor]; ok {
			break
		}
		a.floor++
	}
	if a.floor != before {
		close(a.room)
		a.room = make(chan struct{})
	}
}

// waiting is how many commands have no answer yet.
func (a *author) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open)
}
