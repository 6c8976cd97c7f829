package scalecube

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// MembershipProtocolTest, on members that join.

func testLimitedSeedMembers(s *stage) {
	s.startFive(nil)
	s.await(3*time.Second, everybody("a", "b", "c", "d", "e"))
}

// startFive starts a, of which b and c know, and d and e, who know b.
func (s *stage) startFive(change func(*muster.Config)) {
	s.start("a", nil, change)
	s.start("b", []string{"a"}, change)
	s.start("c", []string{"a"}, change)
	s.start("d", []string{"b"}, change)
	s.start("e", []string{"b"}, change)
}

// testOverrideMemberAddress: all are behind an address translation. They
// announce addresses that nobody listens at, and the dialler translates.
func testOverrideMemberAddress(s *stage) {
	outside := func(inside netip.AddrPort) netip.AddrPort {
		ip := inside.Addr().As4()
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, ip[3]}), 4801)
	}
	inside := make(map[netip.AddrPort]netip.AddrPort)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		inside[outside(s.addr(name))] = s.addr(name)
	}
	var a answers
	s.startFive(func(c *muster.Config) {
		a.note(c)
		c.Advertise = outside(s.addr(c.Name)).String()
		c.MapAddr = func(a netip.AddrPort) netip.AddrPort {
			if b, ok := inside[a]; ok {
				return b
			}
			return a
		}
	})
	all := everybody("a", "b", "c", "d", "e")
	s.await(3*time.Second, all)
	for node := range all {
		for _, m := range s.nodes[node].Members() {
			if m.Addr != outside(s.addr(m.Name)) {
				s.Errorf("%s knows %s at %v", node, m.Name, m.Addr)
			}
		}
	}
	s.hold(3*time.Second, all)
	s.awaitThat(0, "each has been probed, at the translated address, by each", func() bool { return a.count() == 5*4 })
	if err := s.nodes["e"].Send(s.Context(), "c", []byte("x")); err != nil {
		s.Error(err)
	}
}

func testNodeJoinClusterWithNoInbound(s *stage) { s.joinDeaf() }

// joinDeaf has c join a and b while it hears nothing.
func (s *stage) joinDeaf() {
	s.addr("c")
	s.net.Block(mustertest.Any, "c")
	s.start("a", nil)
	s.start("b", []string{"a"})
	s.start("c", []string{"a"})
	s.await(time.Second, everybody("a", "b"))
	s.hold(2*time.Second, everybody("a", "b").and(views{"c": "c"}))
}

func testNodeJoinClusterWithNoInboundThenInboundRecover(s *stage) {
	s.joinDeaf()
	s.net.Unblock(mustertest.Any, "c")
	s.await(time.Second, everybody("a", "b", "c"))
}
