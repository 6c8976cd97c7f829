package scalecube

import (
	"fmt"
	"net"
	"os"
	"testing"
	"testing/synctest"

	"github.com/musterhq/muster/internal/leak"
)

// TestMain resolves a name before any test does. The resolver makes channels
// when it is first used, and those of a bubble must not be used by another.
func TestMain(m *testing.M) {
	if _, err := net.LookupHost("localhost"); err != nil {
		fmt.Fprintln(os.Stderr, "this machine does not know localhost:", err)
		os.Exit(1)
	}
	leak.Main(m)
}

// scenario is one test of a Java suite, under its name there.
type scenario struct {
	name string
	play func(s *stage)
}

// play plays each scenario of a suite in a bubble of its own, under each of the
// tunings given, or as the Java suites are tuned.
func play(t *testing.T, suite []scenario, tunings ...tuning) {
	if len(tunings) == 0 {
		tunings = []tuning{asInJava}
	}
	for _, tune := range tunings {
		t.Run(tune.name, func(t *testing.T) {
			for _, sc := range suite {
				t.Run(sc.name, func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) { sc.play(newStage(t, tune)) })
				})
			}
		})
	}
}

// bubble plays what is no scenario of Java's.
func bubble(t *testing.T, play func(s *stage)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { play(newStage(t, asInJava)) })
}

// TestSuitesAreComplete counts the scenarios, which Java's suites at release
// 2.7.9 have as many of.
func TestSuitesAreComplete(t *testing.T) {
	names := make(map[string]bool)
	for _, suite := range []struct {
		name      string
		scenarios []scenario
		want      int
	}{
		{"MembershipProtocolTest", membershipProtocol, 23},
		{"MembershipRecordTest", membershipRecord, 5},
		{"FailureDetectorTest", failureDetector, 8},
		{"GossipProtocolTest", gossipProtocol(), 12},
		{"GossipDelayTest", gossipDelay, 1},
		{"ClusterTest", clusterFacade, 12},
		{"ClusterNamespacesTest", clusterNamespaces(), 18},
	} {
		for _, sc := range suite.scenarios {
			key := suite.name + "." + sc.name
			if names[key] {
				t.Errorf("%s is there twice", key)
			}
			names[key] = true
		}
		if len(suite.scenarios) != suite.want {
			t.Errorf("%s has %d scenarios, want %d", suite.name, len(suite.scenarios), suite.want)
		}
	}
}
