package scalecube

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// invalidNamespaces are those of the parameterized test of ClusterNamespacesTest.
// The empty one is valid here: it is above all others, as no namespace at all.
var invalidNamespaces = []string{
	"", "  ", "/abc", "a /b /c", "\n\na\nb\nc", ".abc", "abc.", "a-/b-/c-", "a+/b+/c+", "abc/", "abc/*", "abc/.", "./abc", "a./b./c.",
}

// clusterNamespaces is ClusterNamespacesTest.
func clusterNamespaces() []scenario {
	var suite []scenario
	for _, ns := range invalidNamespaces {
		suite = append(suite, scenario{fmt.Sprintf("testInvalidNamespaceFormat/%q", ns), func(s *stage) { invalidNamespaceFormat(s, ns) }})
	}
	return append(suite,
		scenario{"testSeparateEmptyNamespaces", testSeparateEmptyNamespaces},
		scenario{"testSeparateNonEmptyNamespaces", testSeparateNonEmptyNamespaces},
		scenario{"testSimpleNamespacesHierarchy", testSimpleNamespacesHierarchy},
		scenario{"testIsolatedParentNamespaces", testIsolatedParentNamespaces},
	)
}

func TestClusterNamespaces(t *testing.T) { play(t, clusterNamespaces()) }

func invalidNamespaceFormat(s *stage, ns string) {
	cfg := muster.LAN()
	cfg.Name, cfg.Namespace, cfg.Transport = "a", ns, s.net.Transport("a")
	node, err := muster.Start(cfg)
	if ns == "" {
		if err != nil || node.Close() != nil {
			s.Errorf("the empty namespace: %v", err)
		}
		return
	}
	want := fmt.Sprintf("namespace %q is not a path of words", ns)
	if !errors.Is(err, muster.ErrConfig) || !strings.Contains(err.Error(), want) {
		s.Errorf("the error is %q, want one that says %q", err, want)
	}
	if err := cfg.Transport.Close(); err != nil {
		s.Errorf("the transport was closed by a Start that failed validation: %v", err)
	}
}

// startIn starts a node in a namespace.
func (s *stage) startIn(namespace, name string, seeds ...string) {
	s.start(name, seeds, func(c *muster.Config) { c.Namespace = namespace })
}

// settled waits for the views, and looks for longer than it takes to tell all
// that somebody might have to tell.
func (s *stage) settled(want views) {
	s.Helper()
	s.await(3*time.Second, want)
	s.hold(5*time.Second, want)
}

func testSeparateEmptyNamespaces(s *stage) {
	s.startIn("root", "a")
	s.startIn("root1", "b", "a")
	s.startIn("root2", "c", "a")
	s.settled(views{"a": "a", "b": "b", "c": "c"})
}

func testSeparateNonEmptyNamespaces(s *stage) {
	s.startIn("root", "root")
	s.startIn("root", "bob", "root")
	s.startIn("root", "carol", "root", "bob")
	s.startIn("root2", "root2", "root")
	s.startIn("root2", "dan", "root", "root2", "bob", "carol")
	s.startIn("root2", "eve", "root", "root2", "dan", "bob", "carol")
	s.settled(everybody("root", "bob", "carol").and(everybody("root2", "dan", "eve")))
}

func testSimpleNamespacesHierarchy(s *stage) {
	s.startIn("develop", "parent")
	s.startIn("develop/develop", "bob", "parent")
	s.startIn("develop/develop", "carol", "parent", "bob")
	s.startIn("develop/develop-2", "dan", "parent", "bob", "carol")
	s.startIn("develop/develop-2", "eve", "parent", "dan", "bob", "carol")
	s.settled(views{
		"parent": "bob carol dan eve parent",
		"bob":    "bob carol parent", "carol": "bob carol parent",
		"dan": "dan eve parent", "eve": "dan eve parent",
	})
}

func testIsolatedParentNamespaces(s *stage) {
	s.startIn("a/1", "parent1")
	s.startIn("a/1/c", "bob", "parent1")
	s.startIn("a/1/c", "carol", "parent1", "bob")
	s.startIn("a/111", "parent2", "parent1")
	s.startIn("a/111/c", "dan", "parent1", "parent2", "bob", "carol")
	s.startIn("a/111/c", "eve", "parent1", "parent2", "bob", "carol", "dan")
	s.settled(everybody("parent1", "bob", "carol").and(everybody("parent2", "dan", "eve")))
}
