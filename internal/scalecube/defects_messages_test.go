package scalecube

import (
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// Section 2.11, defects 3 and 4: who must get a message, and who must not.

// TestDefect3SiblingsHearNothing: what a member tells all goes to those that
// know it, and not by way of the namespace above to the one beside.
func TestDefect3SiblingsHearNothing(t *testing.T) {
	bubble(t, func(s *stage) {
		in := newInbox()
		s.change = in.keep
		s.startIn("dev", "parent")
		s.startIn("dev/a", "a1", "parent")
		s.startIn("dev/a/x", "a2", "parent")
		s.startIn("dev/b", "b", "parent")
		s.await(3*time.Second, views{"parent": "a1 a2 b parent", "a1": "a1 a2 parent", "a2": "a1 a2 parent", "b": "b parent"})
		for _, from := range []string{"parent", "a1", "a2", "b"} {
			if err := s.nodes[from].Broadcast([]byte(from)); err != nil {
				s.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		in.want(s, map[string][]string{"parent": {"a1", "a2", "b"}, "a1": {"a2", "parent"}, "a2": {"a1", "parent"}, "b": {"parent"}})
	})
}

// TestDefect4RestartUnderTheSameID: the first messages of a process that has
// started again under its former id are not taken for those of its former self.
func TestDefect4RestartUnderTheSameID(t *testing.T) {
	bubble(t, func(s *stage) {
		in := newInbox()
		s.change = func(c *muster.Config) {
			in.keep(c)
			c.ID = uint64(c.Name[0])
		}
		s.startAll("a", "b")
		var sent []string
		say := func(what string, n int) {
			for i := range n {
				sent = append(sent, fmt.Sprintf("%s %d", what, i))
				if err := s.nodes["b"].Broadcast([]byte(sent[len(sent)-1])); err != nil {
					s.Fatal(err)
				}
			}
			time.Sleep(time.Second)
		}
		say("before", 3)
		s.stop("b")
		s.start("b", []string{"a"})
		s.await(time.Second, everybody("a", "b"))
		say("after", 5)
		in.want(s, map[string][]string{"a": sent})
		s.awaitStory(0, "a", "b", "joined") // within the suspicion, so that a never noticed
	})
}
