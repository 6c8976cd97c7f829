package scalecube

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// diary keeps what a node has told of its members, in order.
type diary struct {
	mu     sync.Mutex
	events []muster.Event
}

func (d *diary) write(e muster.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

func (d *diary) read() []muster.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.events)
}

// told returns the events of some kinds that a node has told of a member; of no
// kinds, all.
func (s *stage) told(node, member string, kinds ...muster.EventKind) (events []muster.Event) {
	for _, e := range s.diaries[node].read() {
		if e.Member.Name == member && (len(kinds) == 0 || slices.Contains(kinds, e.Kind)) {
			events = append(events, e)
		}
	}
	return events
}

// story is told in words. Java has no events for suspicion, so that it leaves
// them out.
func (s *stage) story(node, member string) string {
	var words []string
	for _, e := range s.told(node, member) {
		if e.Kind != muster.MemberSuspected && e.Kind != muster.MemberRecovered {
			words = append(words, e.Kind.String())
		}
	}
	return strings.Join(words, " ")
}

// awaitStory waits until a node has told that and no more.
func (s *stage) awaitStory(limit time.Duration, node, member, want string) {
	s.Helper()
	if !s.comes(limit*s.tune.slower, func() bool { return s.story(node, member) == want }) {
		s.Fatalf("%s told of %s %q, want %q within %v", node, member, s.story(node, member), want, limit*s.tune.slower)
	}
}

// removed returns, sorted, whom a node has told to be gone, one word for each time.
func (s *stage) removed(node string) string {
	var names []string
	for _, e := range s.diaries[node].read() {
		if e.Kind.Gone() {
			names = append(names, e.Member.Name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// awaitRemoved waits until each of the nodes has told that those are gone, once
// each, and nobody else.
func (s *stage) awaitRemoved(limit time.Duration, want views) {
	s.Helper()
	for node, names := range want {
		if !s.comes(limit*s.tune.slower, func() bool { return s.removed(node) == names }) {
			s.Fatalf("%s told that %q are gone, want %q", node, s.removed(node), names)
		}
	}
}
