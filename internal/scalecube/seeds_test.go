package scalecube

import (
	"testing"
	"time"
)

// Partitions end, however long they were: seeds stay candidates for ever, and so
// do members that died and were forgotten.

// TestSeedsForEver: b starts while the network is cut, so that it has never met
// anybody, and nobody it. There is nothing to remember; only the seed is left.
func TestSeedsForEver(t *testing.T) {
	bubble(t, func(s *stage) {
		s.addr("b")
		s.start("a", nil)
		s.net.Isolate("b")
		s.start("b", []string{"a"})
		s.hold(10*time.Minute, views{"a": "a", "b": "b"})
		s.net.Heal()
		s.await(time.Second, everybody("a", "b"))
	})
}

// TestSeedsAfterALeave: whoever left is not looked for, but it is not shut out.
func TestSeedsAfterALeave(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b")
		s.leave("b")
		s.awaitStory(time.Second, "a", "b", "joined left")
		s.awaitThat(2*memory, "a forgets b", func() bool { return !s.known("a", "b") })
		s.start("b", []string{"a"})
		s.await(time.Second, everybody("a", "b"))
	})
}

// TestSeedThatLeft: a seed leaves, is forgotten, and starts again without knowing
// anybody. That it left is no reason not to look for it: it is a seed.
func TestSeedThatLeft(t *testing.T) {
	bubble(t, func(s *stage) {
		s.start("seed", nil)
		s.start("b", []string{"seed"})
		s.await(time.Second, everybody("seed", "b"))
		s.leave("seed")
		s.awaitStory(time.Second, "b", "seed", "joined left")
		s.awaitThat(2*memory, "b forgets the seed", func() bool { return !s.known("b", "seed") })
		s.start("seed", nil)
		s.await(time.Second, everybody("seed", "b"))
	})
}

// TestPartitionLongerThanAnyMemory: both halves have removed and forgotten the
// other. Java's tests end here: it finds them again by its seeds alone, which
// half of these nodes have.
func TestPartitionLongerThanAnyMemory(t *testing.T) {
	for name, seeds := range map[string][]string{"with seeds": {"a", "c"}, "without": nil} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(s *stage) {
				all := []string{"a", "b", "c", "d"}
				s.size = len(all)
				for _, node := range all {
					s.start(node, seeds)
				}
				for _, node := range all[1:] {
					if _, err := s.nodes[node].Join(s.Context(), s.addr("a").String()); err != nil {
						s.Fatal(err)
					}
				}
				s.await(3*time.Second, everybody(all...))
				s.net.Partition([]string{"a", "b"}, []string{"c", "d"})
				halves := everybody("a", "b").and(everybody("c", "d"))
				s.await(s.suspicion(), halves)
				s.awaitThat(2*memory, "the halves forget each other", func() bool {
					return !s.known("a", "c") && !s.known("b", "d") && !s.known("c", "a") && !s.known("d", "b")
				})
				s.hold(15*memory, halves)
				s.net.Heal()
				s.await(2*time.Second, everybody(all...))
				s.awaitStory(0, "a", "c", "joined failed joined")
			})
		})
	}
}
