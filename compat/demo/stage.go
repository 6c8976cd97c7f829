package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// pollInterval is how often each node is asked for its view: the precision of
// every time the demo reports.
const pollInterval = 120 * time.Millisecond

// stage is the demo while it plays: the nodes, what they believe, and what is
// to be said about it at the end.
type stage struct {
	dir          string
	muster, peer []string // commands
	out          *screen
	began        time.Time
	board        *board
	results      []result

	mu    sync.Mutex
	nodes []*node

	cancel  context.CancelFunc // stops polling and drawing
	polling sync.WaitGroup
	drawing sync.WaitGroup
}

func newStage(dir, muster, peer string, out *screen) *stage {
	return &stage{
		dir: dir, muster: []string{muster, "agent"}, peer: []string{peer},
		out: out, began: time.Now(), board: newBoard(),
	}
}

// launch starts a node and begins to watch it.
func (s *stage) launch(ctx, background context.Context, command []string, name string, args ...string) error {
	n, err := startNode(ctx, s.dir, name, command, args...)
	if n != nil {
		s.mu.Lock()
		s.nodes = append(s.nodes, n)
		slices.SortFunc(s.nodes, byKindAndName)
		s.mu.Unlock()
	}
	if err != nil {
		f := &fault{err: err}
		if n != nil {
			f.nodes = []*node{n}
		}
		return f
	}
	s.polling.Go(func() { s.poll(background, n) })
	return nil
}

// byKindAndName lists the muster agents first.
func byKindAndName(a, b *node) int {
	if a.isMuster() != b.isMuster() {
		if a.isMuster() {
			return -1
		}
		return 1
	}
	return strings.Compare(a.name, b.name)
}

func (n *node) isMuster() bool { return strings.HasPrefix(n.name, "muster") }

// poll keeps the board up to date with one node's view until it is killed.
func (s *stage) poll(ctx context.Context, n *node) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		// A view that was asked for before the node froze is old when it comes.
		asked := n.condition()
		members, err := get[[]member](ctx, n, "/v1/members")
		if err == nil && asked == up {
			s.board.observe(time.Now(), n.name, members)
		}
		select {
		case <-tick.C:
		case <-n.exited:
			return
		case <-ctx.Done():
			return
		}
	}
}

// all returns the nodes, the muster agents first.
func (s *stage) all() []*node {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.nodes)
}

// node finds a node by name; the script knows which it started.
func (s *stage) node(name string) *node {
	for _, n := range s.all() {
		if n.name == name {
			return n
		}
	}
	panic("no node " + name) // a slip in the script itself
}

// running returns the names of the nodes that nothing was done to.
func (s *stage) running() []string {
	var out []string
	for _, n := range s.all() {
		if n.condition() == up {
			out = append(out, n.name)
		}
	}
	return out
}

// since is the demo's clock.
func (s *stage) since(t time.Time) time.Duration { return t.Sub(s.began) }

// close ends every child and all that watched them.
func (s *stage) close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.drawing.Wait()
	for _, n := range s.all() {
		n.kill()
	}
	s.polling.Wait()
}

// fault is a failed phase and the nodes whose logs may tell why.
type fault struct {
	err   error
	nodes []*node
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// gap is an opinion that a phase is still waiting for.
type gap struct {
	node *node
	text string
}

// await waits until no gap is left. It fails at the limit, or as soon as a
// node ends that nobody killed.
func (s *stage) await(ctx context.Context, what string, limit time.Duration, gaps func() []gap) error {
	s.out.phase(what)
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		next := s.board.next()
		missing := gaps()
		s.out.waiting(len(missing))
		if len(missing) == 0 {
			return nil
		}
		if n := s.crashed(); n != nil {
			return &fault{fmt.Errorf("%s: %s ended by itself: %w", what, n.name, n.exit), []*node{n}}
		}
		select {
		case <-next:
		case <-time.After(pollInterval): // for crashes, and gaps that are not on the board
		case <-timeout.C:
			return late(what, limit, missing)
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return late(what+", the whole demo", demoLimit, missing)
			}
			return ctx.Err()
		}
	}
}

// late fails a phase with what it still waited for.
func late(what string, limit time.Duration, missing []gap) error {
	var texts []string
	var nodes []*node
	for _, g := range missing {
		texts = append(texts, g.text)
		if !slices.Contains(nodes, g.node) {
			nodes = append(nodes, g.node)
		}
	}
	return &fault{fmt.Errorf("%s: not within %v: %s", what, limit, strings.Join(texts, "; ")), nodes}
}

// crashed returns a node that ended though nothing was done to it.
func (s *stage) crashed() *node {
	for _, n := range s.all() {
		select {
		case <-n.exited:
			if n.condition() != killed {
				return n
			}
		default:
		}
	}
	return nil
}

// believe lists who among observers does not yet hold one of the wanted states
// of each subject.
func (s *stage) believe(observers, subjects []string, wanted ...string) []gap {
	var out []gap
	for _, o := range observers {
		for _, subject := range subjects {
			if state := s.board.state(o, subject); o != subject && !slices.Contains(wanted, state) {
				if state == unknown {
					state = "unknown"
				}
				out = append(out, gap{s.node(o), fmt.Sprintf("%s sees %s %s", o, subject, state)})
			}
		}
	}
	return out
}
