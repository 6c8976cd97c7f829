package muster

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

// requestsMax is Config.RequestsMax where it is zero.
const requestsMax = 256

// handlers runs the application's handlers, each in a goroutine of its own and
// no more than Config.RequestsMax at a time. The rest wait, in order by member,
// and the members take turns, so that one that asks without end delays its own
// requests and not those of others.
type handlers struct {
	n *Node

	mu      sync.Mutex
	topics  map[string]*Handler
	running int
	waiting int
	turns   []*servedLink // that have requests waiting
}

// waitingLine is one member's part.
type waitingLine struct {
	running int
	waiting []*taken
}

func (h *handlers) most() int {
	if h.n.cfg.RequestsMax > 0 {
		return h.n.cfg.RequestsMax
	}
	return requestsMax
}

// mostOfOne leaves the others something when one member's requests take long.
func mostOfOne(most int) int { return most - most/4 }

// submit has a request handled, or refuses it. The reader of its link calls it,
// and may be the one to handle it.
func (h *handlers) submit(t *taken) {
	f, code := h.enter(t)
	switch {
	case code != 0:
		t.link.fail(t, code, "")
	case f == nil: // it waits
	case t.link.alone():
		t.link.now, t.link.f = t, f
	default:
		go h.run(t, f)
	}
}

// enter returns the handler if it may begin.
func (h *handlers) enter(t *taken) (Handler, wire.FailureCode) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.topics[t.topic]
	if f == nil {
		return nil, wire.FailNoHandler
	}
	line, most := &t.link.line, h.most()
	free := h.running < most && line.running < mostOfOne(most)
	if !free && (h.waiting >= 4*most || len(line.waiting) >= mostOfOne(4*most)) {
		return nil, wire.FailBusy
	}
	t.limit()
	if free {
		h.running++
		line.running++
		return *f, 0
	}
	if len(line.waiting) == 0 {
		h.turns = append(h.turns, t.link)
	}
	line.waiting = append(line.waiting, t)
	h.waiting++
	return nil, 0
}

// limit gives a request the context that its handler gets.
func (t *taken) limit() {
	const most = uint64(365 * 24 * time.Hour / time.Microsecond)
	if t.wait == 0 || t.wait > most {
		t.ctx, t.cancel = context.WithCancel(t.link.ctx)
		return
	}
	t.ctx, t.cancel = context.WithTimeout(t.link.ctx, time.Duration(t.wait)*time.Microsecond)
}

// run handles a request, and then others while there are any.
func (h *handlers) run(t *taken, f Handler) {
	for t != nil {
		if t.ctx.Err() != nil {
			t.link.finish(t) // nobody waits for it any more
		} else {
			reply, err := f(t.ctx, t.message())
			t.link.reply(t, reply, err, false)
		}
		t.cancel()
		t, f = h.next(&t.link.line)
	}
}

// next ends one request of a member's and takes another, of the member whose
// turn it is.
func (h *handlers) next(ended *waitingLine) (*taken, Handler) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ended.running--
	for i := 0; i < len(h.turns); {
		l := h.turns[i]
		if l.line.running >= mostOfOne(h.most()) {
			i++
			continue
		}
		t := l.line.waiting[0]
		l.line.waiting = slices.Delete(l.line.waiting, 0, 1)
		h.waiting--
		h.turns = slices.Delete(h.turns, i, i+1)
		if len(l.line.waiting) > 0 {
			h.turns = append(h.turns, l)
		}
		f := h.topics[t.topic]
		if f == nil { // cancelled meanwhile
			t.cancel()
			t.link.skip(t, wire.FailNoHandler)
			i = 0
			continue
		}
		l.line.running++
		return t, *f
	}
	h.running--
	return nil, nil
}

// withdraw ends a request that its caller has given up.
func (h *handlers) withdraw(t *taken) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.cancel == nil {
		return // it was never complete
	}
	t.cancel()
	line := &t.link.line
	if i := slices.Index(line.waiting, t); i >= 0 {
		line.waiting = slices.Delete(line.waiting, i, i+1)
		h.waiting--
		h.tidy(t.link)
	}
}

// tidy takes a member off the turns when nothing of it waits.
func (h *handlers) tidy(l *servedLink) {
	if i := slices.Index(h.turns, l); i >= 0 && len(l.line.waiting) == 0 {
		h.turns = slices.Delete(h.turns, i, i+1)
	}
}

// forget drops what waits of a link that has ended. The contexts of what runs
// have ended with it.
func (h *handlers) forget(l *servedLink) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting -= len(l.line.waiting)
	for _, t := range l.line.waiting {
		t.cancel()
	}
	l.line.waiting = nil
	h.tidy(l)
}

// load returns how many requests are handled and how many wait.
func (h *handlers) load() (running, waiting int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running, h.waiting
}

// reply answers a request with what its handler returned. It waits while the
// caller does not read what it was sent before. The reader sees the answer
// written together with others.
func (l *servedLink) reply(t *taken, reply []byte, err error, reader bool) {
	f := wire.Frame{Kind: wire.FrameReply, ID: t.id, Size: len(reply), Payload: reply}
	switch {
	case err != nil:
		text := err.Error()
		f = wire.Frame{Kind: wire.FrameFailure, ID: t.id, Code: wire.FailHandler, Payload: []byte(text[:min(len(text), wire.MaxFailure)])}
	case len(reply) > wire.MaxUserMessage:
		f = wire.Frame{Kind: wire.FrameFailure, ID: t.id, Code: wire.FailTooLarge}
	}
	l.n.counts.requestsServed.Add(1)
	switch {
	case !l.finish(t):
	case err != nil && t.ctx.Err() != nil: // the caller sees it in his own context
	case reader:
		l.out.add(&f)
	case l.out.drain(windowBytes):
		l.out.put(&f, false)
	}
}

// skip answers a request that was not handled.
func (l *servedLink) skip(t *taken, code wire.FailureCode) {
	if l.finish(t) {
		l.out.put(&wire.Frame{Kind: wire.FrameFailure, ID: t.id, Code: code}, false)
	}
}
