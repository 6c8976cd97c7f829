package scalecube

import (
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// MembershipProtocolTest, on members that cannot hear, and on two of three that
// cannot hear each other.

func testNetworkPartitionDueNoInboundThenRemoved(s *stage) { s.deafenUntilRemoved() }

// deafenUntilRemoved has c hear nothing any more. It still is heard, and tells
// the others that it holds them suspect, then dead; they know better.
func (s *stage) deafenUntilRemoved() {
	s.startAll("a", "b", "c")
	s.net.Block(mustertest.Any, "c")
	s.await(s.suspicion(), everybody("a", "b").and(views{"c": "c"}))
	s.awaitRemoved(0, views{"a": "c", "b": "c", "c": "a b"})
}

func testNetworkPartitionDueNoInboundUntilRemovedThenInboundRecover(s *stage) {
	s.deafenUntilRemoved()
	s.net.Unblock(mustertest.Any, "c")
	s.await(3*time.Second, everybody("a", "b", "c"))
}

func testNetworkPartitionBetweenTwoMembersDueNoInbound(s *stage) {
	s.cutBetweenTwo(func() { s.net.Block("b", "c") })
}

func testNetworkPartitionBetweenTwoMembersDueNoOutbound(s *stage) {
	s.cutBetweenTwo(func() { s.net.Block("c", "b") })
}

func testNetworkPartitionBetweenTwoMembersDueNoTrafficAtAll(s *stage) {
	s.cutBetweenTwo(func() {
		s.net.Block("c", "b")
		s.net.Block("b", "c")
	})
}

// cutBetweenTwo breaks what is between c and b: a speaks for them. Nobody is
// even suspected. One episode of suspicion follows, which in Java ends with c
// and b having removed each other (defect 2 of the specification).
func (s *stage) cutBetweenTwo(cut func()) {
	all := everybody("a", "b", "c")
	s.startAll("a", "b", "c")
	cut()
	s.hold(s.suspicion(), all)
	for node := range all {
		for member := range all {
			if told := s.told(node, member, muster.MemberSuspected); len(told) > 0 {
				s.Errorf("%s suspected %s: %+v", node, member, told)
			}
		}
	}
	s.net.Isolate("b")
	s.await(2*time.Second, views{"a": "a b? c", "c": "a b? c"})
	s.net.Reconnect("b")
	// b, alone, has come to doubt both. It hears of a at once; what it says of c
	// may reach a up to a second later, and c knows of it by a alone.
	s.settle(2*time.Second, s.suspicion(), all)
	s.awaitRemoved(0, views{"a": "", "b": "", "c": ""})
}

func testNetworkPartitionManyDueNoInboundThenRemovedThenRecover(s *stage) {
	s.startAll("a", "b", "c", "d")
	s.net.Block(mustertest.Any, mustertest.Any)
	s.await(2*time.Second, views{"a": "a b? c? d?", "b": "a? b c? d?", "c": "a? b? c d?", "d": "a? b? c? d"})
	s.await(s.suspicion(), views{"a": "a", "b": "b", "c": "c", "d": "d"})
	s.awaitRemoved(0, views{"a": "b c d", "b": "a c d", "c": "a b d", "d": "a b c"})
	s.net.Unblock(mustertest.Any, mustertest.Any)
	s.await(3*time.Second, everybody("a", "b", "c", "d"))
}
