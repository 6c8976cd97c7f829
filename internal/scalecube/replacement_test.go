package scalecube

import (
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// A new process on an old address replaces the old one at once: nobody waits
// for a suspicion to run out.

// TestReplacedProcess: it has the same name, so that the others' probes are
// answered, and nobody would notice. It is another process all the same.
func TestReplacedProcess(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c")
		id := s.nodes["b"].Local().ID
		s.stop("b")
		begin := time.Now()
		s.start("b", []string{"a"}, func(c *muster.Config) { c.Meta = []byte("new") })
		for _, node := range []string{"a", "c"} {
			s.awaitStory(time.Second, node, "b", "joined failed joined")
			gone, joined := s.told(node, "b", muster.MemberFailed)[0], s.told(node, "b", muster.MemberJoined)[1]
			if gone.Member.ID != id || gone.From != "" || joined.Member.ID == id || string(joined.Member.Meta) != "new" {
				s.Errorf("%s told of the old one %+v, of the new one %+v", node, gone, joined)
			}
		}
		s.settle(time.Second, s.suspicion(), everybody("a", "b", "c"))
		if took := s.told("c", "b", muster.MemberJoined)[1].Time.Sub(begin); took > syncInterval {
			s.Errorf("it took %v", took)
		}
	})
}

// TestAddressTakenOverBySomebodyElse: another name at the address, and it knows
// nobody, so that only the answer to a probe can tell. Among three the next
// probe of a member is at most three later.
func TestAddressTakenOverBySomebodyElse(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c")
		s.stop("b")
		begin := time.Now()
		s.start("b", nil, func(c *muster.Config) { c.Name = "other" })
		for _, node := range []string{"a", "c"} {
			s.awaitStory(6*pingInterval, node, "b", "joined failed")
		}
		if took := time.Since(begin); took >= s.suspicionTime() {
			s.Errorf("it took %v, as long as a suspicion", took)
		}
	})
}

// TestUpdateWhileSuspected: metadata that changes from a large one to a small
// one while its owner is cut off. The refutation brings it, and the event still
// has the large one as what was before.
func TestUpdateWhileSuspected(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c")
		large := make([]byte, 5000)
		if err := s.nodes["b"].SetMeta(large); err != nil {
			s.Fatal(err)
		}
		updates := func() []muster.Event { return s.told("a", "b", muster.MemberUpdated) }
		s.awaitThat(time.Second, "a has the large one", func() bool { return len(updates()) == 1 })
		s.net.Isolate("b")
		s.await(time.Second, views{"a": "a b? c"})
		if err := s.nodes["b"].SetMeta([]byte("small")); err != nil {
			s.Fatal(err)
		}
		s.net.Reconnect("b")
		s.awaitThat(time.Second, "a has the small one", func() bool { return len(updates()) == 2 })
		if e := updates()[1]; len(e.OldMeta) != len(large) || string(e.Member.Meta) != "small" {
			s.Errorf("the update has %d bytes of before and %q", len(e.OldMeta), e.Member.Meta)
		}
	})
}
