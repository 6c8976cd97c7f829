package scalecube

import (
	"errors"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// Leaving is a state of its own: the others know, send no new work, and are
// still served. Java's LEAVING lasts until the gossip of it is spread, and the
// others then wait for a whole suspicion to run out; here it lasts as long as
// the member says, and ends with its leave.
func TestLeavingIsAState(t *testing.T) {
	bubble(t, func(s *stage) {
		const grace = 5 * time.Second
		in := newInbox()
		s.change = func(c *muster.Config) {
			in.keep(c)
			c.LeaveGrace = grace
		}
		s.startAll("a", "b", "c")
		begin := time.Now()
		done := s.startLeaving("b")
		for _, node := range []string{"a", "b", "c"} {
			s.awaitStory(time.Second, node, "b", "joined leaving")
		}

		// It is a member like any other, that is trusted, probed and served.
		s.hold(grace-2*time.Second, everybody("a", "b", "c"))
		for _, node := range []string{"a", "b", "c"} {
			if m, _ := s.nodes[node].Member("b"); !m.Leaving || m.State != muster.Alive {
				s.Errorf("%s knows %+v", node, m)
			}
		}
		if err := s.nodes["a"].Send(s.Context(), "b", []byte("last words")); err != nil {
			s.Error(err)
		}
		if err := s.nodes["c"].Broadcast([]byte("to all")); err != nil {
			s.Error(err)
		}
		time.Sleep(time.Second)
		in.want(s, map[string][]string{"a": {"to all"}, "b": {"last words", "to all"}})

		if err := <-done; err != nil {
			s.Fatal(err)
		}
		if took := time.Since(begin); took < grace || took > grace+time.Second {
			s.Errorf("the leave took %v", took)
		}
		for _, node := range []string{"a", "b", "c"} {
			s.awaitStory(time.Second, node, "b", "joined leaving left")
		}
		s.await(0, views{"a": "a c", "c": "a c"})
		if err := s.nodes["a"].Send(s.Context(), "b", []byte("x")); !errors.Is(err, muster.ErrUnknown) {
			s.Errorf("sending to who has left: %v", err)
		}
	})
}

// TestLeavingMemberDies: a crash while it is leaving is a failure, noticed like
// any other.
func TestLeavingMemberDies(t *testing.T) {
	bubble(t, func(s *stage) {
		s.change = func(c *muster.Config) { c.LeaveGrace = time.Minute }
		s.startAll("a", "b", "c")
		s.startLeaving("b")
		s.awaitStory(time.Second, "a", "b", "joined leaving")
		s.stop("b")
		s.awaitStory(s.suspicion(), "a", "b", "joined leaving failed")
		s.awaitStory(time.Second, "c", "b", "joined leaving failed")
	})
}

// TestLeaveAndReturn: the same process comes back, not leaving any more.
func TestLeaveAndReturn(t *testing.T) {
	bubble(t, func(s *stage) {
		s.change = gracefully
		s.startAll("a", "b", "c")
		if err := s.nodes["b"].Leave(s.Context()); err != nil {
			s.Fatal(err)
		}
		s.await(time.Second, views{"a": "a c", "c": "a c"})
		if _, err := s.nodes["b"].Join(s.Context(), s.addr("a").String()); err != nil {
			s.Fatal(err)
		}
		s.settle(time.Second, 2*memory, everybody("a", "b", "c"))
		for _, node := range []string{"a", "c"} {
			s.awaitStory(0, node, "b", "joined leaving left joined")
			if m, _ := s.nodes[node].Member("b"); m.Leaving {
				s.Errorf("%s holds b still leaving", node)
			}
		}
	})
}
