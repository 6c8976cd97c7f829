package scalecube

import (
	"time"

	"github.com/musterhq/muster"
)

// MembershipProtocolTest, on members that start again. A member of scalecube is
// a new one each time it starts; one of muster keeps its name, if it is given
// the same. Both are played.

func testRestartStoppedMembers(s *stage) {
	s.change = func(c *muster.Config) { c.DeadNodeReclaim = time.Millisecond }
	all := []string{"a", "b", "c", "d"}
	s.startAll(all...)
	s.stop("c", "d")
	s.await(2*time.Second, views{"a": "a b c? d?", "b": "a b c? d?"})
	s.await(s.suspicion(), everybody("a", "b"))
	s.awaitRemoved(0, views{"a": "c d", "b": "c d"})

	// c is another member now, d the same; both live elsewhere.
	s.start("c2", all)
	s.start("d2", all, func(c *muster.Config) { c.Name = "d" })
	want := views{}
	for _, node := range []string{"a", "b", "c2", "d2"} {
		want[node] = "a b c2 d"
	}
	s.await(time.Second, want)
	s.hold(2*memory, want)
}

func testRestartStoppedMembersOnSameAddresses(s *stage) {
	all := []string{"a", "b", "c", "d"}
	s.startAll(all...)
	s.stop("c", "d")
	s.await(2*time.Second, views{"a": "a b c? d?", "b": "a b c? d?"})
	restarted := time.Now()
	s.start("c", all, func(c *muster.Config) { c.Name = "c2" })
	s.start("d", all)
	want := views{}
	for _, node := range all {
		want[node] = "a b c2 d"
	}
	s.await(3*time.Second, want)
	s.awaitStory(0, "a", "c", "joined failed")
	s.awaitStory(0, "a", "d", "joined failed joined")
	s.awaitRemoved(0, views{"a": "c d", "b": "c d"})
	if took := time.Since(restarted); took >= s.suspicionTime() {
		s.Errorf("it took %v, as long as a suspicion", took)
	}
}
