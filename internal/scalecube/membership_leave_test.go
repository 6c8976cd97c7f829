package scalecube

import (
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/wire"
)

// MembershipProtocolTest, on leaving. What Java calls LEAVING is here two
// things: the intent, with which a member goes on serving for LeaveGrace, and
// the leave itself, which is memberlist's.

const leaveGrace = 500 * time.Millisecond

func gracefully(c *muster.Config) { c.LeaveGrace = leaveGrace }

// alive is the announcement of a member; leaving tells of its intent.
func (s *stage) alive(name string, incarnation uint32, leaving bool) []byte {
	return aliveMessage(name, s.addr(name), incarnation, wire.About{ID: 99, Leaving: leaving})
}

func left(name string, incarnation uint32) []byte {
	return (&wire.Dead{Incarnation: incarnation, Node: name, From: name}).Append(nil)
}

func suspected(name string, incarnation uint32, by string) []byte {
	return (&wire.Suspect{Incarnation: incarnation, Node: name, From: by}).Append(nil)
}

func testLeaveCluster(s *stage) {
	s.change = gracefully
	s.startAll("a", "b", "c")
	s.leave("b")
	for _, node := range []string{"a", "c"} {
		s.awaitStory(time.Second, node, "b", "joined leaving left")
	}
	s.await(0, views{"a": "a c", "c": "a c"})
}

func testLeaveClusterCameBeforeAlive(s *stage) {
	s.startAll("a")
	s.size = 3
	s.send("ghost", "a", s.alive("ghost", 5, true), s.alive("ghost", 4, false))
	s.awaitStory(s.suspicion(), "a", "ghost", "joined leaving failed")
	s.await(2*memory, views{"a": "a"})
	s.awaitThat(2*memory, "a forgets the ghost", func() bool { return !s.known("a", "ghost") })

	// The leave itself, of a member that a has not met, is no news to a. The
	// announcement that follows may be of any age: it is taken, and a probe
	// finds out. Java remembers the leave, for ever (see testLeaveClusterOnly).
	s.send("other", "a", left("other", 5), s.alive("other", 4, false))
	s.awaitStory(s.suspicion(), "a", "other", "joined failed")
}

func testLeaveClusterOnly(s *stage) {
	s.startAll("a")
	s.send("ghost", "a", left("ghost", 5))
	s.comes(3*time.Second, func() bool { return s.known("a", "ghost") })
	// Java passes the first of these, and keeps the record for ever.
	if told := s.told("a", "ghost"); len(told) > 0 || s.known("a", "ghost") {
		s.Fatalf("a told %+v of a stranger's leave; remembers it: %v", told, s.known("a", "ghost"))
	}
}

func testLeaveClusterOnSuspectedNode(s *stage) {
	s.startAll("a")
	s.send("ghost", "a", suspected("ghost", 5, "a"))
	time.Sleep(3 * time.Second)
	s.send("ghost", "a", left("ghost", 4))
	s.comes(time.Second, func() bool { return s.known("a", "ghost") })
	if told := s.told("a", "ghost"); len(told) > 0 || s.known("a", "ghost") {
		s.Fatalf("a told %+v of a stranger; remembers it: %v", told, s.known("a", "ghost"))
	}
}

func testLeaveClusterOnAliveAndSuspectedNode(s *stage) {
	s.change = gracefully
	s.startAll("a", "b", "c")
	s.net.Isolate("b")
	s.await(time.Second, views{"a": "a b? c"})
	s.net.Reconnect("b")
	s.leave("b")
	s.awaitStory(time.Second, "a", "b", "joined leaving left")
	if n := len(s.told("a", "b", muster.MemberSuspected)); n == 0 {
		s.Error("b was never suspected")
	}
}
