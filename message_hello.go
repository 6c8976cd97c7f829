package muster

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// servedLinks are those that peers have open here.
type servedLinks struct {
	mu    sync.Mutex
	links map[uint64]*servedLink // by session
	bytes atomic.Int64           // of payload under way in all
}

// enter makes l the stream of its session in place of an older one, which is
// returned. The caller had given that one up: what it has not delivered yet
// must not come after what the new one brings.
func (s *servedLinks) enter(l *servedLink) (old *servedLink, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.links[l.hello.Session]
	if old != nil && old.hello.Epoch >= l.hello.Epoch {
		return nil, false
	}
	if s.links == nil {
		s.links = make(map[uint64]*servedLink)
	}
	s.links[l.hello.Session] = l
	return old, true
}

func (s *servedLinks) leave(l *servedLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.links[l.hello.Session] == l {
		delete(s.links, l.hello.Session)
	}
}

func (s *servedLinks) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.links)
}

// messages serves a stream that began with a TypeMessage, to its end.
func (s *served) messages(first []byte) error {
	var f wire.Frame
	if err := f.Decode(first); err != nil {
		return err
	}
	if f.Kind != wire.FrameHello || f.Hello.Version != wire.FrameVersion {
		return fmt.Errorf("a stream of messages begins with %d: %w", f.Kind, wire.ErrType)
	}
	l := &servedLink{n: s.n, from: s.from, hello: f.Hello, taken: make(map[uint64]*taken)}
	l.hello.From, l.hello.To, l.hello.Namespace = strings.Clone(f.Hello.From), "", strings.Clone(f.Hello.Namespace)
	l.in = frameReader{n: s.n, conn: s.conn, r: s.r}
	l.out.init(s.n, s.conn)
	code := s.n.admit(&f.Hello)
	if code == 0 && s.n.served.open() >= keptMax {
		code = wire.FailBusy
	}
	if code != 0 {
		return l.refuse(s, code)
	}
	s.release() // what it may do from now on is bounded otherwise
	old, ok := s.n.served.enter(l)
	if !ok {
		return io.EOF // overtaken by a newer one
	}
	if old != nil {
		s.n.calls.retire(old)
		s.n.hangUp(old.in.conn)
	}
	l.start()
	s.moved = true
	return io.EOF
}

// admit decides whether a peer may talk to this node; other than 0 is why not.
// All messages and requests of muster peers pass here.
func (n *Node) admit(h *wire.Hello) wire.FailureCode {
	if h.To != "" && h.To != n.cfg.Name {
		return wire.FailUnknown // that member is gone, and its address was taken over
	}
	if !swim.Related(h.Namespace, n.cfg.Namespace) {
		return wire.FailNamespace
	}
	return 0
}

// refuse tells the peer why the stream ends, and waits for it to hang up: what
// it has sent already would otherwise destroy the answer on its way.
func (l *servedLink) refuse(s *served, code wire.FailureCode) error {
	s.n.counts.streamsRefused.Add(1)
	l.out.add(&wire.Frame{Kind: wire.FrameFailure, Code: code})
	l.out.flush()
	if err := s.deadline(s.n.cfg.StreamTimeout); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, s.r, windowBytes)
	if err != nil {
		return io.EOF // also when it takes too long
	}
	return errWindow
}
