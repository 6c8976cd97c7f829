package scalecube

import (
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
	"github.com/musterhq/muster/wire"
)

// Section 2.11 of the specification lists what scalecube does wrong. muster must
// not; these are defects 1, 5 and 8, about leaving and identity.

// startLeaving has a node begin to leave, which takes as long as its grace.
func (s *stage) startLeaving(name string) (done <-chan error) {
	c := make(chan error, 1)
	go func(n *muster.Node) { c <- n.Leave(s.Context()) }(s.nodes[name])
	return c
}

// TestDefect1ZombieLeavingRecord: whoever meets a member that is leaving must
// not keep what it has heard for ever, and infect others with it.
func TestDefect1ZombieLeavingRecord(t *testing.T) {
	for name, crash := range map[string]bool{"leaves": false, "crashes while it is leaving": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *stage) {
				s.change = func(c *muster.Config) { c.LeaveGrace = 2 * time.Second }
				s.startAll("a", "b", "c")
				s.startLeaving("c")
				s.start("late", []string{"a"})
				s.await(time.Second, everybody("a", "b", "late").and(views{"a": "a b c late", "b": "a b c late", "late": "a b c late"}))
				s.awaitStory(time.Second, "late", "c", "joined leaving")
				end := "left"
				if crash {
					end = "failed"
					s.stop("c")
				}
				for _, node := range []string{"a", "b", "late"} {
					s.awaitStory(2*time.Second+s.suspicion(), node, "c", "joined leaving "+end)
				}
				if !crash {
					s.stop("c")
				}
				forgotten := func() bool { return !s.known("a", "c") && !s.known("b", "c") && !s.known("late", "c") }
				s.awaitThat(2*memory, "all forget c", forgotten)
				s.start("fresh", []string{"late"})
				all := everybody("a", "b", "fresh", "late")
				s.settle(time.Second, 20*time.Second, all)
				if !forgotten() || s.known("fresh", "c") {
					s.Error("somebody remembers c again")
				}
			})
		})
	}
}

// TestDefect5LeaveStorm: a member that is leaving hears its own announcement
// from everybody, again and again. That is no accusation. Java's raises its
// incarnation each time: 7 times in the first second among 6, with 1006 messages.
func TestDefect5LeaveStorm(t *testing.T) {
	bubble(t, func(s *stage) {
		const grace = 3 * time.Second
		s.change = func(c *muster.Config) { c.LeaveGrace = grace }
		s.startAll("a", "b", "c", "d", "e", "f")
		time.Sleep(5 * time.Second) // the gossip of the joins is over
		packets := func() uint64 { return s.net.Counters(mustertest.Any, mustertest.Any).Packets }
		start := packets()
		time.Sleep(grace)
		idle := packets() - start
		before := s.nodes["f"].Local().Incarnation
		start = packets()
		done := s.startLeaving("f")
		time.Sleep(grace - glance)
		if m := s.nodes["f"].Local(); !m.Leaving || m.Incarnation != before+1 {
			s.Errorf("at the end of its grace: leaving %v at incarnation %d, was at %d", m.Leaving, m.Incarnation, before)
		}
		// Each of the 6 says so RetransmitMult times, 4, to others.
		if more := int(packets()-start) - int(idle); more > 100 {
			s.Errorf("%d packets in %v of leaving, %d in as long a time before", idle+uint64(more), grace, idle)
		}
		if err := <-done; err != nil {
			s.Fatal(err)
		}
		for _, node := range []string{"a", "b", "c", "d", "e"} {
			s.awaitStory(time.Second, node, "f", "joined leaving left")
		}
	})
}

// TestDefect8SameIdentityElsewhere: a record of this member at another address
// must neither move it nor replace it, here or at others.
func TestDefect8SameIdentityElsewhere(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c")
		before := s.nodes["b"].Local()
		claim := aliveMessage("b", s.addr("impostor"), before.Incarnation+5, wire.About{ID: before.ID})
		for _, node := range []string{"a", "b", "c"} {
			s.send("impostor", node, claim)
		}
		s.hold(3*time.Second, everybody("a", "b", "c"))
		for _, node := range []string{"a", "b", "c"} {
			if m, _ := s.nodes[node].Member("b"); m.Addr != before.Addr || m.ID != before.ID || m.Incarnation != before.Incarnation {
				s.Errorf("%s knows %+v, before %+v", node, m, before)
			}
			if told := s.told(node, "b", muster.MemberConflict); len(told) == 0 || told[0].Member.Addr != s.addr("impostor") {
				s.Errorf("%s told of the conflict %+v", node, told)
			}
			s.awaitRemoved(0, views{node: ""})
		}
		if err := s.nodes["a"].Send(s.Context(), "b", []byte("x")); err != nil {
			s.Error(err)
		}
	})
}
