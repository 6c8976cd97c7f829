package scalecube

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// The invariants of section 2.13 of the specification, of which scalecube breaks
// the first four.

// (1) A record that is not a member leaves the table in bounded time: whatever
// is said of somebody who does not exist, and in whatever order.
func TestInvariant1TableIsCleanInTheEnd(t *testing.T) {
	bubble(t, func(s *stage) {
		s.startAll("a", "b", "c")
		var ghosts []string
		for i, said := range [][]claim{
			{{isAlive, 5}}, {{isLeaving, 5}}, {{isSuspect, 5}}, {{isDead, 5}}, {{hasLeft, 5}},
			{{isAlive, 5}, {isSuspect, 5}}, {{isAlive, 5}, {isDead, 5}}, {{isAlive, 5}, {hasLeft, 5}},
			{{isAlive, 5}, {isLeaving, 6}}, {{isLeaving, 5}, {isSuspect, 5}}, {{isLeaving, 5}, {isDead, 5}}, {{isLeaving, 5}, {hasLeft, 5}},
			{{hasLeft, 5}, {isAlive, 4}}, {{isLeaving, 5}, {isAlive, 4}}, {{isDead, 5}, {isAlive, 4}}, {{isSuspect, 5}, {isLeaving, 4}},
			{{isAlive, 5}, {hasLeft, 5}, {isAlive, 6}}, {{isAlive, 5}, {hasLeft, 5}, {isLeaving, 6}, {isDead, 6}},
		} {
			ghost := fmt.Sprintf("ghost%d", i)
			ghosts = append(ghosts, ghost)
			var messages [][]byte
			for _, r := range said {
				messages = append(messages, r.about(ghost, s.addr(ghost)))
			}
			s.send(ghost, []string{"a", "b", "c"}[i%3], messages...)
		}
		clean := func() bool {
			for _, node := range []string{"a", "b", "c"} {
				for _, ghost := range ghosts {
					if s.known(node, ghost) {
						return false
					}
				}
			}
			return true
		}
		// The last of 12 that stay for a while is probed after a round of the
		// table, or two, is suspected and dead, and remembered for a while.
		limit := 2*time.Duration(len(ghosts)+3)*pingInterval + s.suspicionTime() + memory + memory/4 + time.Second
		s.awaitThat(limit, "nobody knows any of the ghosts", clean)
		for begin := time.Now(); time.Since(begin) < time.Minute; time.Sleep(100 * time.Millisecond) {
			if !clean() {
				s.Fatalf("%v later a ghost is known again", time.Since(begin))
			}
		}
		s.await(0, everybody("a", "b", "c"))
	})
}

// (2) Accepting a refutation, or an update, never depends on one particular
// link: with each of them broken in turn, a suspicion is refuted and new
// metadata arrives everywhere.
func TestInvariant2NoLinkMatters(t *testing.T) {
	bubble(t, func(s *stage) {
		names := []string{"a", "b", "c", "d"}
		s.startAll(names...)
		version := 0
		for _, from := range names {
			for _, to := range names {
				if from == to {
					continue
				}
				s.net.Block(from, to)
				version++
				before := s.nodes["a"].Local().Incarnation
				s.send("accuser", "b", suspected("a", before, "c"))
				if err := s.nodes["a"].SetMeta([]byte(strconv.Itoa(version))); err != nil {
					s.Fatal(err)
				}
				s.awaitThat(2*time.Second, fmt.Sprintf("a is well and up to date, with %s->%s broken", from, to), func() bool {
					for _, name := range names {
						m, _ := s.nodes[name].Member("a")
						if m.Incarnation <= before || string(m.Meta) != strconv.Itoa(version) || !s.seen(views{name: "a b c d"}) {
							return false
						}
					}
					return true
				})
				s.net.Unblock(from, to)
			}
		}
		for _, name := range names {
			s.awaitRemoved(0, views{name: ""})
		}
	})
}

// (4) An equal or older record of itself never raises a member's incarnation,
// also while it is leaving.
func TestInvariant4OldNewsOfItself(t *testing.T) {
	for _, leaving := range []bool{false, true} {
		t.Run(fmt.Sprintf("leaving=%v", leaving), func(t *testing.T) {
			t.Parallel()
			c := newCore(t, func(c *swim.Config) { c.LeaveGrace = time.Minute })
			c.know(claim{isAlive, 1})
			for i := range uint32(5) {
				if err := c.take(2, suspected("self", 1+i, theWitness)); err != nil {
					t.Fatal(err)
				}
			}
			if leaving {
				c.Leave(c.now)
			}
			c.Ready()
			before := c.Local()
			for inc := uint32(1); inc <= before.Incarnation; inc++ {
				for what, msg := range map[string][]byte{
					"alive":          aliveMessage("self", before.Addr, inc, wire.About{ID: before.ID, Leaving: leaving}),
					"by memberlist":  aliveMessage("self", before.Addr, inc, wire.About{}),
					"of yesterday":   aliveMessage("self", before.Addr, inc-1, wire.About{ID: before.ID + 1}),
					"other metadata": (&wire.Alive{Incarnation: inc - 1, Node: "self", Addr: before.Addr.Addr(), Port: before.Addr.Port(), Meta: []byte("old"), Versions: before.Versions}).Append(nil),
					"suspect":        suspected("self", inc-1, theWitness),
					"dead":           (&wire.Dead{Incarnation: inc - 1, Node: "self", From: theWitness}).Append(nil),
					"left":           left("self", inc-1),
				} {
					err := c.take(2, msg)
					if after := c.Local(); after.Incarnation != before.Incarnation || err == nil {
						t.Fatalf("%s@%d: incarnation %d, was %d (%v)", what, inc, after.Incarnation, before.Incarnation, err)
					}
					if e := c.events(); len(e) > 0 {
						t.Fatalf("%s@%d: %+v", what, inc, e)
					}
				}
			}
		})
	}
}

// (5) Older data never overwrites newer: all announcements of a member, in any
// order, doubled, by packet and by exchanges of states.
func TestInvariant5OlderNeverWins(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		chance := rand.New(rand.NewPCG(seed, 5))
		c := newCore(t, nil)
		c.know(claim{unknown, 0})
		const last = 12
		var news []uint32
		for inc := uint32(1); inc <= last; inc++ {
			news = append(news, inc, inc)
		}
		chance.Shuffle(len(news), func(i, j int) { news[i], news[j] = news[j], news[i] })
		for _, inc := range news {
			meta := []byte(strconv.Itoa(int(inc)))
			before, _ := c.Member(theMember)
			if chance.IntN(2) == 0 {
				a := wire.Alive{Incarnation: inc, Node: theMember, Addr: at(1).Addr(), Port: at(1).Port(), Meta: meta, Versions: swim.DefaultVersions, About: wire.About{ID: 1}}
				_ = c.take(byte(1+chance.IntN(2)), a.Append(nil)) // ignored, if it is old
			} else {
				state := wire.PushNodeState{Name: theMember, Addr: at(1).Addr(), Port: at(1).Port(), Incarnation: inc, Meta: meta, Versions: swim.DefaultVersions, About: wire.About{ID: 1}}
				c.Ready()
				if _, err := c.Serve(c.now, at(2), wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{state}, nil)); err != nil {
					t.Fatal(err)
				}
			}
			after, _ := c.Member(theMember)
			if after.Incarnation != max(before.Incarnation, inc) || string(after.Meta) != strconv.Itoa(int(after.Incarnation)) {
				t.Fatalf("seed %d: after news of %d the member is %d with %q, before %d", seed, inc, after.Incarnation, after.Meta, before.Incarnation)
			}
		}
		if m, _ := c.Member(theMember); m.Incarnation != last {
			t.Fatalf("seed %d: ends at %d", seed, m.Incarnation)
		}
	}
}
