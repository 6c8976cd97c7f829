package record

import "hash/maphash"

// state is a copy of an owner's map as of one of its versions, or the map
// itself. It has every change up to at that no later one has replaced.
//
// floor is the version up to which the owner has forgotten its deletions. A
// copy that has not seen a deletion by then never will, and would keep the key
// for ever. So a copy takes changes only from a state whose floor is not above
// its base, the version as of which it knows which keys there are not.
//
// base is at, except while a copy is made from nothing: what is sent then is
// the state as of a later version, in which the keys deleted by then are gone
// already, though the changes do not reach that far yet.
type state struct {
	table
	gen   uint64
	at    uint64
	base  uint64
	floor uint64
}

func newState(gen uint64, seed maphash.Seed) state { return state{table: table{seed: seed}, gen: gen} }

// before reports whether another state is further.
func (s *state) before(gen, version uint64) bool {
	return gen > s.gen || gen == s.gen && version > s.at
}

// complete reports whether the copy is the owner's state as of one version.
func (s *state) complete() bool { return s.at >= s.base }

// reached notes that all changes up to a version are in. asOf is the version
// of the state that they were taken from.
func (s *state) reached(at, asOf uint64) {
	if s.at == 0 { // made from nothing
		s.base = asOf
	} else if s.base > s.at {
		s.base = min(s.base, asOf)
	}
	s.at = max(s.at, at)
	s.base = max(s.base, s.at)
}

// raise adopts a higher floor, if the copy is fit for it.
func (s *state) raise(floor uint64) {
	if floor > s.floor && floor <= s.base {
		s.floor = floor
		s.purge(floor)
	}
}
