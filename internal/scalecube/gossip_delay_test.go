package scalecube

import (
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/mustertest"
)

// gossipDelay is GossipDelayTest: what arrives long after everybody else is done
// with it is not delivered again, and does not circulate for ever.
var gossipDelay = []scenario{{"testMessageDelayMoreThanGossipSweepTime", testMessageDelayMoreThanGossipSweepTime}}

func TestGossipDelay(t *testing.T) { play(t, gossipDelay) }

func testMessageDelayMoreThanGossipSweepTime(s *stage) {
	const sweep = 2800 * ms
	in := newInbox()
	s.change = asMuchAsJava(3)
	names := s.gossipers(3, in)
	for i, delay := range []time.Duration{3000 * ms, 3000 * ms, 100 * ms} {
		s.net.SetLink(names[i], mustertest.Any, mustertest.Link{Tail: delay})
	}
	for i := range 3 {
		if err := s.nodes[names[0]].Broadcast(fmt.Appendf(nil, "message %d", i)); err != nil {
			s.Fatal(err)
		}
	}
	s.awaitThat(2*(sweep+6*time.Second), "three messages at the two others", func() bool {
		return in.count(names[1]) == 3 && in.count(names[2]) == 3
	})
	// Java looks at this moment. Here also at when the last packet is through.
	time.Sleep(time.Minute)
	before := s.net.Counters(mustertest.Any, mustertest.Any).Packets
	time.Sleep(time.Minute)
	in.check(s, names[0], 3)
	if after := s.net.Counters(mustertest.Any, mustertest.Any).Packets; after != before {
		s.Errorf("%d packets were sent in the second minute after", after-before)
	}
}
