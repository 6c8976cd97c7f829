package memberlist

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// note is one thing to tell the application.
type note struct {
	event   *muster.Event
	ping    *pinged
	message []byte // a user message, or a state if merge is set
	merge   bool
	join    bool
}

type pinged struct {
	node    *Node
	rtt     time.Duration
	payload []byte
}

// teller tells the application what happened, one thing at a time, from a
// goroutine of its own: muster's has questions to ask meanwhile, which must not
// wait for a delegate that blocks. Neither do they wait for one that joins
// another cluster and so brings up questions itself.
type teller struct {
	tell func(note)

	mu     sync.Mutex
	change *sync.Cond // room, or something told
	queue  []note
	bytes  int
	put    uint64 // notes that came
	told   uint64 // notes that the application has heard
	held   int    // notes that will come, and are waited for
	closed bool
	busy   bool // there is a goroutine
}

// What may wait. Beyond it muster waits, and in its turn folds what happens to
// members, drops messages that came in packets, and makes streams wait.
const (
	tellNotes = 1024
	tellBytes = 64 << 20 // one note always fits
)

func newTeller(tell func(note)) *teller {
	t := &teller{tell: tell}
	t.change = sync.NewCond(&t.mu)
	return t
}

// add queues a note, once there is room.
func (t *teller) add(n note) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.closed && t.full(len(n.message)) {
		t.change.Wait()
	}
	if t.closed {
		return
	}
	t.queue = append(t.queue, n)
	t.bytes += len(n.message)
	t.put++
	if !t.busy {
		t.busy = true
		go t.run()
	}
}

func (t *teller) full(size int) bool {
	return len(t.queue) >= tellNotes || t.bytes > 0 && t.bytes+size > tellBytes
}

// run tells what there is and ends; the next note starts it again.
func (t *teller) run() {
	for {
		n, ok := t.take()
		if !ok {
			return
		}
		t.tell(n)
		t.mu.Lock()
		t.told++
		t.change.Broadcast()
		t.mu.Unlock()
	}
}

func (t *teller) take() (note, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.queue) == 0 {
		t.busy, t.queue = false, nil
		return note{}, false
	}
	n := t.queue[0]
	t.queue[0] = note{}
	t.queue = t.queue[1:]
	t.bytes -= len(n.message)
	t.change.Broadcast()
	return n, true
}

// hold announces a note that release will add later; flush waits for it.
func (t *teller) hold() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held++
}

func (t *teller) release(n note) {
	t.add(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.held--
	t.change.Broadcast()
}

// flush waits until what is queued or announced now has been told.
func (t *teller) flush(ctx context.Context) {
	defer context.AfterFunc(ctx, func() {
		t.mu.Lock()
		t.change.Broadcast()
		t.mu.Unlock()
	})()
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.held > 0 && !t.closed && ctx.Err() == nil {
		t.change.Wait()
	}
	for upTo := t.put; !t.closed && t.told < upTo && ctx.Err() == nil; {
		t.change.Wait()
	}
}

// close drops what waits. A delegate that is being called is not waited for: it
// may be the one that closes.
func (t *teller) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.queue = true, nil
	t.change.Broadcast()
}

// insideDelegate says whether a delegate called the caller, which then must not
// wait for delegates: it would wait for itself. It looks for this package's two
// ways of calling them on the stack.
func insideDelegate() bool {
	pcs := make([]uintptr, 128)
	n := runtime.Callers(2, pcs)
	for n == len(pcs) {
		pcs = make([]uintptr, 2*len(pcs))
		n = runtime.Callers(2, pcs)
	}
	frames := runtime.CallersFrames(pcs[:n])
	for more := n > 0; more; {
		var f runtime.Frame
		f, more = frames.Next()
		if f.Function == tellerFrame || f.Function == askingFrame {
			return true
		}
	}
	return false
}

const (
	tellerFrame = "github.com/hashicorp/memberlist.(*teller).run"
	askingFrame = "github.com/hashicorp/memberlist.asking"
)

// asking calls a delegate that decides something. It is a function for its
// name to appear on the stack.
//
//go:noinline
func asking(ask func()) { ask() }
