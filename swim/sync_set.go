package swim

import (
	"github.com/musterhq/muster/internal/sketch"
	"github.com/musterhq/muster/wire"
)

// syncSet is what two members compare: a hash of each live member's state, as
// one of them sees it, under the salt of the exchange.
//
// The dead and those that left are not in it. How long they are remembered is
// each member's own affair, so that two sets with them would differ for good
// without there being anything to tell. Who gets a state of a member that it
// knows to be dead says so instead: see Core.learn.
type syncSet struct {
	hashes []uint64
	ids    []memberID // whose hash it is
	root   uint64     // the sum
}

// syncSet makes the set as far as a peer of that namespace may know it: what it
// must not know, it cannot have, and would differ for good.
func (c *Core) syncSet(salt uint64, namespace string) syncSet {
	n := c.NumLive()
	s := syncSet{hashes: make([]uint64, 0, n), ids: make([]memberID, 0, n)}
	var state wire.PushNodeState
	buf := c.scratch.msg
	c.table.each(func(id memberID, m *member) bool {
		if !m.live() || !Related(m.prof.namespace, namespace) {
			return true
		}
		var h uint64
		m.tell(&state)
		h, buf = hashState(salt, &state, buf)
		s.hashes = append(s.hashes, h)
		s.ids = append(s.ids, id)
		s.root += h
		return true
	})
	c.scratch.msg = buf
	return s
}

// hashState hashes all that a sync carries of a member, using buf.

func hashState(salt uint64, s *wire.PushNodeState, buf []byte) (uint64, []byte) {
	buf = s.AppendSyncState(buf[:0])
	return sketch.Hash(salt, buf), buf
}

// nodeState is the member as others are told of it.
func (m *member) nodeState() (s wire.PushNodeState) {
	m.tell(&s)
	return s
}

// tell fills in all of s.
func (m *member) tell(s *wire.PushNodeState) {
	p := m.prof
	s.Name, s.Addr, s.Port, s.Incarnation, s.State, s.Caps = m.name, m.addr().Addr(), m.port, m.inc, m.state, m.caps
	s.Meta, s.Versions, s.About = p.meta, p.versions, m.about()
}

// syncBytes is about how much a message of a sync may hold in states. What does
// not fit is told in the next one.
const syncBytes = 16 << 20

// appendState adds what is known of a member now, if it still is a member.
func (c *Core) appendState(b []byte, id memberID) []byte {
	if m := c.table.at(id); m.name != "" && len(b) < syncBytes {
		s := m.nodeState()
		b = s.AppendSyncState(b)
	}
	return b
}

// symbolLimit is how many coded symbols are worth their bytes when sets of
// these sizes differ: each difference costs some 18 bytes in symbols and a
// state of some 45 besides, so that beyond a difference of about a third all
// states are cheaper.
func symbolLimit(mine, theirs int) int { return max(2*symbolsMin, (mine+theirs)/2) }

// symbolsFor is how many symbols decode a difference of d elements, most of the
// time: 1.35 for each of many, more for each of few (section 5 of Yang et al.).
func symbolsFor(d int) int { return d + d/2 + 3 }

// How many symbols a first answer has, if the sets differ: what would have done
// for the last differences, within these bounds. The first time it does for ten
// members that have changed, which are twenty elements.
const (
	symbolsMin   = 8
	symbolsFirst = 40
	symbolsMost  = 80
)

// nextSymbols is how many more to ask for when so many did not do: few while a
// round saved is worth less than the symbols, then as many again.
func nextSymbols(have int) int {
	if have < 128 {
		return max(symbolsMin, have/2)
	}
	return have
}

// tooDifferent says whether the sizes alone tell that symbols will not do.
func tooDifferent(mine, theirs int) bool {
	d := max(mine-theirs, theirs-mine)
	return symbolsFor(d) > symbolLimit(mine, theirs)
}
