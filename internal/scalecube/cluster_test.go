package scalecube

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// clusterFacade is ClusterTest, on the API as an application sees it.
var clusterFacade = []scenario{
	{"testStartStopRepeatedly", testStartStopRepeatedly},
	{"testMembersAccessFromScheduler", testMembersAccessFromScheduler},
	{"testJoinLocalhostIgnored", testJoinLocalhostIgnored},
	{"testJoinLocalhostIgnoredWithOverride", testJoinLocalhostIgnoredWithOverride},
	{"testJoinDynamicPort", testJoinDynamicPort},
	{"testUpdateMetadata", testUpdateMetadata},
	{"testUpdateMetadataProperty", testUpdateMetadataProperty},
	{"testRemoveMetadataProperty", testRemoveMetadataProperty},
	{"testShutdownCluster", testShutdownCluster},
	{"testMemberMetadataRemoved", testMemberMetadataRemoved},
	{"testJoinSeedClusterWithNoExistingSeedMember", testJoinSeedClusterWithNoExistingSeedMember},
	{"testExplicitLocalMemberId", testExplicitLocalMemberID},
}

func TestCluster(t *testing.T) { play(t, clusterFacade, asInJava, asInMuster) }

// The seed starts ten times at one address. Each time it crashes, so that it
// takes the place of its former self, which the other still holds alive.
func testStartStopRepeatedly(s *stage) {
	s.start("seed", nil)
	s.start("other", []string{"seed"})
	s.await(time.Second, everybody("seed", "other"))
	want := "joined"
	for range 10 {
		s.stop("seed")
		s.start("seed", nil)
		s.await(time.Second, everybody("seed", "other"))
		want += " failed joined"
		s.awaitStory(time.Second, "other", "seed", want)
	}
}

// Callbacks may look at the members, and find there who they are told of.
func testMembersAccessFromScheduler(s *stage) {
	var found atomic.Int32
	for _, name := range []string{"a", "b"} {
		var node atomic.Pointer[muster.Node]
		joined := func(e muster.Event) {
			n := node.Load()
			if e.Kind != muster.MemberJoined || n == nil || e.Member.Name == name {
				return
			}
			m, ok := n.Member(e.Member.Name)
			if ok && m.Addr == s.addr(m.Name) && len(n.Members()) == 2 {
				found.Add(1)
			}
		}
		s.start(name, nil, func(c *muster.Config) {
			keep := c.OnEvent
			c.OnEvent = func(e muster.Event) { keep(e); joined(e) }
		})
		node.Store(s.nodes[name])
	}
	if _, err := s.nodes["b"].Join(s.Context(), s.addr("a").String()); err != nil {
		s.Fatal(err)
	}
	s.awaitThat(time.Second, "each finds the other", func() bool { return found.Load() == 2 })
}

// alone has a node listen at 127.0.0.1:7946, with itself as seeds.
func (s *stage) alone(seeds []string, change func(*muster.Config)) {
	transport, err := s.net.Listen("127.0.0.1:7946")
	if err != nil {
		s.Fatal(err)
	}
	node := s.start("local", nil, change, func(c *muster.Config) {
		c.Transport, c.Seeds = transport, seeds
	})
	s.hold(5*time.Second, views{"local": "local"})
	// A localhost may have further addresses, at which nobody listens.
	literal := slices.DeleteFunc(slices.Clone(seeds), func(a string) bool { return strings.HasPrefix(a, "localhost") })
	if reached, err := node.Join(s.Context(), literal...); reached != 0 || err != nil {
		s.Errorf("joined %d others, %v", reached, err)
	}
}

// Nothing else here resolves a name: the resolver has two that ask for the same
// one wait for each other, which those in different bubbles must not.
func testJoinLocalhostIgnored(s *stage) {
	s.alone([]string{"localhost:7946", "localhost", "127.0.0.1:7946", "127.0.0.1", "[::ffff:127.0.0.1]:7946"}, nil)
}

func testJoinLocalhostIgnoredWithOverride(s *stage) {
	seeds := []string{"192.0.2.7:4801", "[::ffff:192.0.2.7]:4801", "127.0.0.1:7946", "127.0.0.1", "[::ffff:127.0.0.1]:7946"}
	s.alone(seeds, func(c *muster.Config) { c.Advertise = "192.0.2.7:4801" })
}

func testJoinDynamicPort(s *stage) {
	var seed string
	want := views{}
	for i := range 11 {
		name := fmt.Sprintf("m%02d", i)
		s.start(name, nil, func(c *muster.Config) {
			var err error
			if c.Transport, err = s.net.Listen("10.9.0.1:0"); err != nil {
				s.Fatal(err)
			}
			if i > 0 {
				c.Seeds = []string{seed}
			}
		})
		if i == 0 {
			seed = s.nodes[name].Local().Addr.String()
		}
		want[name] = ""
	}
	var names []string
	for name := range want {
		names = append(names, name)
	}
	s.await(3*time.Second, everybody(names...))
}

func testShutdownCluster(s *stage) {
	s.change = gracefully
	s.startAll("a", "b", "c", "d")
	s.leave("a")
	for _, node := range []string{"b", "c", "d"} {
		s.awaitStory(2*time.Second, node, "a", "joined leaving left") // Java: 30 s
	}
}

func testJoinSeedClusterWithNoExistingSeedMember(s *stage) {
	s.addr("dead1")
	s.addr("dead2")
	s.start("seed", nil)
	s.start("b", []string{"dead1", "dead2", "seed"})
	s.await(time.Second, everybody("seed", "b"))
}

// scalecube's id is here two things: a name, which the cluster knows a member
// by, and the id of its process.
func testExplicitLocalMemberID(s *stage) {
	s.change = func(c *muster.Config) {
		if c.Name == "a" {
			c.Name, c.ID, c.Alias = "explicit-name", 42, "alias"
		}
	}
	s.startAllAs(views{"a": "b explicit-name", "b": "b explicit-name"})
	for _, node := range []string{"a", "b"} {
		m, ok := s.nodes[node].Member("explicit-name")
		if !ok || m.ID != 42 || m.Alias != "alias" || m.Addr != s.addr("a") {
			s.Errorf("%s knows %+v", node, m)
		}
	}
}
