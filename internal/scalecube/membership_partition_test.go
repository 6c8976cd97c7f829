package scalecube

import (
	"time"

	"github.com/musterhq/muster/mustertest"
)

// MembershipProtocolTest, on members that cannot send. In Java "blocking
// outbound" leaves the other direction open, which makes no difference where
// all are blocked; where only some are, both directions are cut.

func testInitialPhaseOk(s *stage) {
	names := []string{"a", "b", "c"}
	for _, name := range names {
		s.addr(name)
	}
	for _, name := range names {
		s.start(name, names)
	}
	s.await(time.Second, everybody(names...))
	s.hold(3*time.Second, everybody(names...))
}

func (s *stage) mute(names ...string) {
	for _, name := range names {
		s.net.Block(name, mustertest.Any)
	}
}

func (s *stage) unmute(names ...string) {
	for _, name := range names {
		s.net.Unblock(name, mustertest.Any)
	}
}

func testNetworkPartitionDueNoOutboundThenRecover(s *stage) {
	s.startAll("a", "b", "c")
	s.mute("a", "b", "c")
	s.await(s.suspicion(), views{"a": "a", "b": "b", "c": "c"})
	s.unmute("a", "b", "c")
	s.await(time.Second, everybody("a", "b", "c"))
}

func testMemberLostNetworkDueNoOutboundThenRecover(s *stage) {
	s.startAll("a", "b", "c")
	s.net.Partition([]string{"b"})
	s.await(time.Second, views{"a": "a b? c", "b": "a? b c?", "c": "a b? c"})
	s.net.Heal()
	s.await(time.Second, everybody("a", "b", "c"))
}

func testNetworkPartitionTwiceDueNoOutboundThenRecover(s *stage) {
	s.startAll("a", "b", "c")
	s.net.Partition([]string{"b"})
	s.await(time.Second, views{"a": "a b? c", "b": "a? b c?", "c": "a b? c"})
	s.net.Partition([]string{"b"}, []string{"a"})
	s.await(time.Second, views{"a": "a b? c?", "b": "a? b c?", "c": "a? b? c"})
	s.net.Heal()
	s.await(time.Second, everybody("a", "b", "c"))
}

func testNetworkLostOnAllNodesDueNoOutboundThenRecover(s *stage) {
	s.startAll("a", "b", "c")
	s.mute("a", "b", "c")
	s.await(time.Second, views{"a": "a b? c?", "b": "a? b c?", "c": "a? b? c"})
	s.unmute("a", "b", "c")
	s.await(time.Second, everybody("a", "b", "c"))
}

func testLongNetworkPartitionDueNoOutboundThenRemoved(s *stage) {
	s.startAll("a", "b", "c", "d")
	s.net.Partition([]string{"a", "b"}, []string{"c", "d"})
	s.await(2*time.Second, views{"a": "a b c? d?", "b": "a b c? d?", "c": "a? b? c d", "d": "a? b? c d"})
	s.await(s.suspicion(), everybody("a", "b").and(everybody("c", "d")))
	s.hold(2*memory, everybody("a", "b").and(everybody("c", "d")))
	s.awaitRemoved(0, views{"a": "c d", "b": "c d", "c": "a b", "d": "a b"})
}
