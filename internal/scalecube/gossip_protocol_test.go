package scalecube

import (
	"fmt"
	"math/bits"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// experiment is one of GossipProtocolTest: a message to n nodes, over links that
// lose and delay, must reach each of the others once, and within the time after
// which Java forgets it.
type experiment struct {
	n     int
	loss  float64
	delay time.Duration // on average, exponentially distributed
	limit time.Duration // gossipTimeoutToSweep
	java  string        // time and messages of one run of Java's
}

const ms = time.Millisecond

var experiments = []experiment{
	{2, 0, 2 * ms, 2800 * ms, "231 ms, 7 messages"},
	{2, 0, 2 * ms, 2800 * ms, "208 ms, 7 messages"},
	{3, 0, 2 * ms, 2800 * ms, "248 ms, 16 messages"},
	{5, 0, 2 * ms, 4000 * ms, "416 ms, 63 messages"},
	{10, 0, 2 * ms, 5200 * ms, "423 ms, 171 messages"},
	{10, 0.10, 2 * ms, 5200 * ms, "413 ms, 188 messages"},
	{10, 0.25, 2 * ms, 5200 * ms, "623 ms, 187 messages"},
	{10, 0.25, 100 * ms, 5200 * ms, "616 ms, 187 messages"},
	{10, 0.50, 2 * ms, 5200 * ms, "809 ms, 216 messages"},
	{50, 0, 2 * ms, 7600 * ms, "1244 ms, 1558 messages"},
	{50, 0.10, 2 * ms, 7600 * ms, "816 ms, 1618 messages"},
	{50, 0.10, 100 * ms, 7600 * ms, "1049 ms, 1613 messages"},
}

// gossipProtocol is GossipProtocolTest, which has one test with a parameter.
func gossipProtocol() []scenario {
	suite := make([]scenario, len(experiments))
	for i, e := range experiments {
		name := fmt.Sprintf("testGossipProtocol/%d:N=%d,loss=%.0f%%,delay=%v", i+1, e.n, 100*e.loss, e.delay)
		suite[i] = scenario{name, e.play}
	}
	return suite
}

func TestGossipProtocol(t *testing.T) { play(t, gossipProtocol()) }

func (e experiment) play(s *stage) {
	in := newInbox()
	s.change = asMuchAsJava(e.n)
	names := s.gossipers(e.n, in)
	s.net.SetDefault(mustertest.Link{Loss: e.loss, Tail: e.delay})
	before, begin := s.net.Counters(mustertest.Any, mustertest.Any), time.Now()
	if err := s.nodes[names[0]].Broadcast([]byte("hello")); err != nil {
		s.Fatal(err)
	}
	s.awaitThat(e.limit, fmt.Sprintf("the message at %d others", e.n-1), func() bool { return in.nodesWith("hello") == e.n-1 })
	took := time.Since(begin)
	time.Sleep(2 * e.limit)
	in.check(s, names[0], 1)
	after := s.net.Counters(mustertest.Any, mustertest.Any)
	s.Logf("muster: %d ms, %d packets, %d of them lost; Java: %s", took.Milliseconds(), after.Packets-before.Packets, after.Lost-before.Lost, e.java)
}

// gossipers starts nodes that do nothing but gossip, as Java's do in this suite,
// and waits until they know each other and have no more to say of it.
func (s *stage) gossipers(n int, in *inbox, change ...func(*muster.Config)) (names []string) {
	for i := range n {
		name := fmt.Sprintf("n%02d", i)
		s.start(name, names[:min(i, 1)], func(c *muster.Config) {
			c.ProbeInterval, c.PushPullInterval, c.ReconnectInterval = 0, 0, 0
			c.StreamTimeout, c.Records.StreamTimeout = 3*time.Second, 3*time.Second
			in.keep(c)
			for _, f := range change {
				f(c)
			}
		})
		names = append(names, name)
	}
	s.await(10*time.Second, everybody(names...))
	idle := func() bool {
		before := s.net.Counters(mustertest.Any, mustertest.Any).Packets
		time.Sleep(time.Second)
		return s.net.Counters(mustertest.Any, mustertest.Any).Packets == before
	}
	s.awaitThat(time.Minute, "silence", idle)
	return names
}

// asMuchAsJava has each of n nodes send a message as often as Java's do:
// fanout*repeatMult*ceilLog2(n) times, fanout and repeatMult being 3. muster's
// limit is, as memberlist's, RetransmitMult*ceil(log10(n+1)), with 4 by default:
// a quarter of that, which does for a network that loses little.
func asMuchAsJava(n int) func(*muster.Config) {
	log10 := 1
	for p := 10; p < n+1; p *= 10 {
		log10++
	}
	mult := (3*3*bits.Len(uint(n)) + log10 - 1) / log10
	return func(c *muster.Config) { c.RetransmitMult, c.Records.RetransmitMult = mult, mult }
}
