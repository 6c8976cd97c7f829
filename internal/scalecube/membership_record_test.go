package scalecube

import (
	"errors"
	"fmt"
	"testing"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// membershipRecord is MembershipRecordTest: which news of a member overrides
// which record of it. It is asked of the protocol core, so that the stage stays
// empty.
var membershipRecord = []scenario{
	{"cantCompareDifferentMembers", cantCompareDifferentMembers},
	{"deadOverride", deadOverride},
	{"aliveOverride", aliveOverride},
	{"suspectOverride", suspectOverride},
	{"equalRecordNotOverriding", equalRecordNotOverriding},
}

func TestMembershipRecord(t *testing.T) { play(t, membershipRecord) }

// overrides is a line of the table in section 2.2 of the specification: whether
// news overrides a record when its incarnation is older, the same or newer.
type overrides struct {
	over               status
	older, same, newer bool
}

// check asks all lines for one kind of news.
func check(s *stage, news status, lines ...overrides) {
	for _, line := range lines {
		for i, want := range []bool{line.older, line.same, line.newer} {
			r0, r1 := claim{line.over, 2}, claim{news, uint32(1 + i)}
			c := newCore(s.T, nil)
			c.know(r0)
			err := c.take(2, r1.message())
			if got := err == nil; got != want {
				s.Errorf("%v@%d over %v@%d: overrides %v, want %v (%v)", r1.state, r1.incarnation, r0.state, r0.incarnation, got, want, err)
			}
			if err != nil && !errors.Is(err, swim.ErrIgnored) {
				s.Errorf("%v@%d over %v@%d: %v", r1.state, r1.incarnation, r0.state, r0.incarnation, err)
			}
		}
	}
}

// In Java any dead overrides, of whatever incarnation, but never travels: each
// member finds out for itself. Here it travels, as memberlist has it, and must
// not bury a member that has refuted since.
func deadOverride(s *stage) {
	for _, news := range []status{isDead, hasLeft} {
		check(s, news,
			overrides{over: unknown},
			overrides{isAlive, false, true, true},
			overrides{isSuspect, false, true, true},
			overrides{over: isDead},
			overrides{over: hasLeft},
		)
	}
}

// In Java nothing overrides dead: whoever returns has another id. Here a member
// keeps its name, and outbids its death.
func aliveOverride(s *stage) {
	for _, news := range []status{isAlive, isLeaving} { // LEAVING has no test in Java
		check(s, news,
			overrides{unknown, true, true, true},
			overrides{isAlive, false, false, true},
			overrides{isSuspect, false, false, true},
			overrides{isDead, false, false, true},
			overrides{hasLeft, false, false, true},
		)
	}
}

// A suspicion of somebody who is suspected already is a confirmation here, if
// another member raised it; this one is the same member's.
func suspectOverride(s *stage) {
	check(s, isSuspect,
		overrides{over: unknown},
		overrides{isAlive, false, true, true},
		overrides{over: isDead},
		overrides{over: hasLeft},
	)
}

func equalRecordNotOverriding(s *stage) {
	for _, state := range []status{isAlive, isSuspect, isDead, hasLeft} {
		check(s, state, overrides{state, false, false, state == isAlive})
	}
	c := newCore(s.T, nil)
	c.know(claim{isAlive, 1})
	for i, want := range []error{nil, swim.ErrIgnored} {
		if err := c.take(1, claim{isLeaving, 2}.message()); !errors.Is(err, want) {
			s.Errorf("leaving, for the %d. time: %v", i+1, err)
		}
	}
}

// In Java a comparison of different members' records throws. Here none happens:
// news is about the member that it names, and about the process at its address.
func cantCompareDifferentMembers(s *stage) {
	c := newCore(s.T, nil)
	c.know(claim{isAlive, 2})
	before, _ := c.Member(theMember)
	for name, news := range map[string]struct {
		msg  []byte
		want error
	}{
		"another name":    {aliveMessage("another", at(3), 9, wire.About{ID: 3}), nil},
		"another address": {aliveMessage(theMember, at(3), 9, wire.About{ID: 3}), swim.ErrConflict},
	} {
		if err := c.take(2, news.msg); !errors.Is(err, news.want) {
			s.Errorf("%s: %v", name, err)
		}
		if after, _ := c.Member(theMember); fmt.Sprint(after) != fmt.Sprint(before) {
			s.Errorf("%s: the member was %+v, is %+v", name, before, after)
		}
	}
	if err := c.take(1, aliveMessage(theMember, at(1), 3, wire.About{ID: 3})); err != nil {
		s.Error(err)
	}
	if e := c.events(); len(e) != 2 || e[0].Kind != swim.EventLeave || e[0].Member.ID != 1 || e[1].Kind != swim.EventJoin || e[1].Member.ID != 3 {
		s.Errorf("another process under the name: %+v", e)
	}
}
