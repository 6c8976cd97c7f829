package scalecube

import (
	"flag"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// tuning is what a suite runs with besides the settings of the Java suites.
type tuning struct {
	name      string
	awareness int           // Config.AwarenessMax
	slower    time.Duration // factor of the suspicion time and of every limit
}

var (
	// asInJava switches Lifeguard's local health off, which scalecube lacks.
	asInJava = tuning{"asInJava", 1, 1}
	// asInMuster leaves it on. A member that hears nothing then takes its time
	// to accuse others: up to seven times a probe's length.
	asInMuster = tuning{"asInMuster", 8, 3}
)

// stage is what a scenario is played on: nodes by name, on one network.
type stage struct {
	*testing.T
	begin   time.Time
	tune    tuning
	net     *mustertest.Network
	nodes   map[string]*muster.Node
	diaries map[string]*diary
	change  func(*muster.Config) // applied to every node, before its own
	size    int                  // that the suspicion time is made for
}

// seed repeats a run, as far as the scheduler lets it. One that fails prints it.
var seed = flag.Uint64("seed", 0, "of the network; 0 draws one")

func newStage(t *testing.T, tune tuning) *stage {
	s := &stage{
		T: t, begin: time.Now(), tune: tune, net: mustertest.NewNetwork(mustertest.Options{Seed: *seed}),
		nodes: make(map[string]*muster.Node), diaries: make(map[string]*diary), size: 3,
	}
	t.Cleanup(s.explain)
	return s
}

// explain tells what happened when a scenario has failed.
func (s *stage) explain() {
	if !s.Failed() {
		return
	}
	for _, node := range slices.Sorted(maps.Keys(s.diaries)) {
		for _, e := range s.diaries[node].read() {
			s.Logf("%v %s: %v %s@%d by %q", e.Time.Sub(s.begin), node, e.Kind, e.Member.Name, e.Member.Incarnation, e.From)
		}
	}
}

// What the Java suites have in common (BaseTest, MembershipProtocolTest).
const (
	pingInterval  = 200 * time.Millisecond
	pingTimeout   = 100 * time.Millisecond
	syncInterval  = 500 * time.Millisecond
	syncTimeout   = 100 * time.Millisecond
	suspicionMult = 5
	memory        = 4 * time.Second // how long the dead are remembered; Java does not
)

// suspicionTime is Java's, suspicionMult*ceilLog2(n)*pingInterval. muster's is
// SuspicionMult*max(1, log10 n)*ProbeInterval, and with a fixed end so few
// members have no say in it; the same time needs another multiplier.
func (s *stage) suspicionTime() time.Duration {
	return suspicionMult * time.Duration(bits.Len(uint(s.size))) * pingInterval * s.tune.slower
}

// suspicion is how long Java waits for a suspicion to be over (awaitSuspicion).
func (s *stage) suspicion() time.Duration {
	return s.suspicionTime() + 2*time.Second*s.tune.slower
}

// settings returns the configuration of the Java suites.
func (s *stage) settings(c *muster.Config) {
	*c = muster.LAN()
	c.ProbeInterval, c.ProbeTimeout, c.IndirectChecks = pingInterval, pingTimeout, 3
	c.PushPullInterval, c.StreamTimeout = syncInterval, syncTimeout
	c.ReconnectInterval = syncInterval / 2 // Java's one SYNC also looks for the lost
	c.Records.SyncInterval, c.Records.StreamTimeout = syncInterval, syncTimeout
	c.GossipInterval, c.GossipNodes = 200*time.Millisecond, 3
	c.GossipToTheDead = memory
	c.AwarenessMax = s.tune.awareness
	c.SuspicionMult, c.SuspicionMaxTimeoutMult = int(s.suspicionTime()/pingInterval), 1
}

// start starts a node of that name at that name's address, with other nodes'
// addresses as seeds.
func (s *stage) start(name string, seeds []string, change ...func(*muster.Config)) *muster.Node {
	s.Helper()
	d := &diary{}
	node := mustertest.Start(s.T, s.net, name, func(c *muster.Config) {
		s.settings(c)
		c.Name, c.Seeds, c.OnEvent = name, s.addrs(seeds), d.write
		for _, f := range append([]func(*muster.Config){s.change}, change...) {
			if f != nil {
				f(c)
			}
		}
	})
	s.nodes[name], s.diaries[name] = node, d
	return node
}

// startAll starts nodes that all have all of them as seeds, and waits until
// each trusts all.
func (s *stage) startAll(names ...string) {
	s.Helper()
	s.startAllAs(everybody(names...))
}

// startAllAs does so for nodes that see each other under other names.
func (s *stage) startAllAs(want views) {
	s.Helper()
	names := slices.Sorted(maps.Keys(want))
	for _, name := range names {
		s.net.Addr(name)
	}
	s.size = len(names)
	for _, name := range names {
		s.start(name, names)
	}
	s.await(3*time.Second, want)
}

func (s *stage) addrs(names []string) (addrs []string) {
	for _, name := range names {
		addrs = append(addrs, s.net.Addr(name).String())
	}
	return addrs
}

// stop ends a node as a crash does.
func (s *stage) stop(names ...string) {
	s.Helper()
	for _, name := range names {
		if err := s.nodes[name].Close(); err != nil {
			s.Fatalf("close %s: %v", name, err)
		}
		delete(s.nodes, name)
	}
}

// leave has a node leave, and ends it.
func (s *stage) leave(name string) {
	s.Helper()
	if err := s.nodes[name].Leave(s.Context()); err != nil {
		s.Fatalf("leave %s: %v", name, err)
	}
	s.stop(name)
}

// send sends messages to a node from an address where no node runs.
func (s *stage) send(ghost, to string, messages ...[]byte) {
	s.Helper()
	t := s.net.Transport(ghost)
	defer func() {
		if err := t.Close(); err != nil {
			s.Errorf("close %s: %v", ghost, err)
		}
	}()
	for _, m := range messages {
		if err := t.WritePacket(m, s.net.Addr(to)); err != nil {
			s.Fatalf("send to %s: %v", to, err)
		}
		time.Sleep(2 * time.Millisecond) // longer than the link takes, to keep the order
	}
}

// known says whether a node remembers a member at all.
func (s *stage) known(node, member string) bool {
	_, ok := s.nodes[node].Member(member)
	return ok
}

func (s *stage) addr(name string) netip.AddrPort { return s.net.Addr(name) }
