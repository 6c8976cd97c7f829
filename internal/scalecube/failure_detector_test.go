package scalecube

import (
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// failureDetector is FailureDetectorTest. Java tests the detector without a
// membership behind it, and waits for its first verdict on each member. Here
// the suspicion is made so long that nobody is pronounced dead meanwhile.
var failureDetector = []scenario{
	{"testTrusted", testTrusted},
	{"testSuspected", testSuspected},
	{"testTrustedDespiteBadNetwork", testTrustedDespiteBadNetwork},
	{"testTrustedDespiteDifferentPingTimings", testTrustedDespiteDifferentPingTimings},
	{"testSuspectedMemberWithBadNetworkGetsPartitioned", testSuspectedMemberWithBadNetworkGetsPartitioned},
	{"testSuspectedMemberWithNormalNetworkGetsPartitioned", testSuspectedMemberWithNormalNetworkGetsPartitioned},
	{"testMemberStatusChangeAfterNetworkRecovery", testMemberStatusChangeAfterNetworkRecovery},
	{"testStatusChangeAfterMemberRestart", testStatusChangeAfterMemberRestart},
}

func TestFailureDetector(t *testing.T) { play(t, failureDetector, asInJava, asInMuster) }

// forever is a suspicion that does not end within a scenario.
func forever(c *muster.Config) { c.SuspicionMult, c.IndirectChecks = 1000, 2 }

// answers notes who has answered whom directly.
type answers struct {
	mu  sync.Mutex
	got map[[2]string]bool
}

func (a *answers) note(c *muster.Config) {
	name := c.Name
	c.OnPing = func(m muster.Member, _ time.Duration, _ []byte) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.got == nil {
			a.got = make(map[[2]string]bool)
		}
		a.got[[2]string{name, m.Name}] = true
	}
}

func (a *answers) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.got)
}

// has says whether to has answered from directly.
func (a *answers) has(from, to string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.got[[2]string{from, to}]
}

func (a *answers) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.got)
}

// unsuspected fails if anybody has ever suspected anybody.
func (s *stage) unsuspected() {
	s.Helper()
	for node, d := range s.diaries {
		for _, e := range d.read() {
			if e.Kind == muster.MemberSuspected {
				s.Errorf("%s suspected %s", node, e.Member.Name)
			}
		}
	}
}

func testTrusted(s *stage) {
	var a answers
	s.change = func(c *muster.Config) { forever(c); a.note(c) }
	s.startAll("a", "b", "c")
	s.awaitThat(2*time.Second, "everybody has answered everybody", func() bool { return a.count() == 6 })
	s.hold(time.Second, everybody("a", "b", "c"))
	s.unsuspected()
}

func testSuspected(s *stage) {
	s.change = forever
	s.startAll("a", "b", "c")
	s.mute("a", "b", "c")
	s.await(2*time.Second, views{"a": "a b? c?", "b": "a? b c?", "c": "a? b? c"})
	s.hold(5*time.Second, views{"a": "a b? c?", "b": "a? b c?", "c": "a? b? c"})
}

func testTrustedDespiteBadNetwork(s *stage) {
	var a answers
	s.change = func(c *muster.Config) { forever(c); a.note(c) }
	s.startAll("a", "b", "c")
	s.net.Block("a", "b")
	s.hold(10*time.Millisecond, everybody("a", "b", "c")) // what was under way has arrived
	a.forget()
	s.hold(5*time.Second, everybody("a", "b", "c"))
	s.unsuspected()
	if a.has("a", "b") || a.has("b", "a") || !a.has("a", "c") || !a.has("c", "b") {
		s.Errorf("who has answered whom directly: %v", a.got)
	}
}

func testTrustedDespiteDifferentPingTimings(s *stage) {
	s.change = func(c *muster.Config) {
		forever(c)
		switch c.Name {
		case "b":
			c.ProbeInterval, c.ProbeTimeout = 500*time.Millisecond, 250*time.Millisecond
		case "c":
			c.ProbeInterval, c.ProbeTimeout = 50*time.Millisecond, 20*time.Millisecond
		}
	}
	s.startAll("a", "b", "c")
	s.hold(5*time.Second, everybody("a", "b", "c"))
	s.unsuspected()
}

// a hears the others, who do not hear it.
func testSuspectedMemberWithBadNetworkGetsPartitioned(s *stage) {
	s.change = forever
	s.startAll("a", "b", "c", "d")
	s.mute("a")
	s.await(2*time.Second, views{"a": "a b? c? d?", "b": "a? b c d", "c": "a? b c d", "d": "a? b c d"})
	s.unmute("a")
	s.await(4*time.Second, everybody("a", "b", "c", "d"))
}

func testSuspectedMemberWithNormalNetworkGetsPartitioned(s *stage) {
	s.change = forever
	s.startAll("a", "b", "c", "d")
	s.net.Isolate("d")
	s.await(2*time.Second, views{"a": "a b c d?", "b": "a b c d?", "c": "a b c d?", "d": "a? b? c? d"})
	s.net.Reconnect("d")
	s.await(4*time.Second, everybody("a", "b", "c", "d"))
}

func testMemberStatusChangeAfterNetworkRecovery(s *stage) {
	s.change = forever
	s.startAll("a", "b")
	s.mute("a", "b")
	s.await(time.Second, views{"a": "a b?", "b": "a? b"})
	s.unmute("a", "b")
	s.await(time.Second, everybody("a", "b"))
}

// b starts again with the id that it had. Under another it would be another
// member: see TestReplacedProcess.
func testStatusChangeAfterMemberRestart(s *stage) {
	s.change = func(c *muster.Config) {
		forever(c)
		c.ID = uint64(c.Name[0])
	}
	s.startAll("a", "b")
	s.stop("b")
	s.await(time.Second, views{"a": "a b?"})
	s.start("b", []string{"a"})
	s.await(time.Second, everybody("a", "b"))
	s.awaitStory(0, "a", "b", "joined")
	if told := s.told("a", "b", muster.MemberRecovered); len(told) == 0 {
		s.Error("b did not recover")
	}
}
