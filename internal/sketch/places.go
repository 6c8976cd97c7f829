package sketch

import "math"

// placed walks the symbols that an element is mapped to: symbol 0 always,
// symbol i with probability 1/(1+i/2), as section 4.2 of the paper has it. So
// the symbols get thinner as the sequence goes on: whatever the size of the
// difference is, some of them hold just one element of it.
type placed struct {
	at     uint64
	random uint64
}

// far is an index that no sequence reaches.
const far = 1 << 40

func places(e uint64) placed { return placed{random: fold(e^key1, key0)} }

// next goes on to the next symbol. With r uniform in (0, 1] the distance is
// ceil((i+1.5) * (1/sqrt(r) - 1)), the inverse of the distribution function.
// Each operation rounds by itself (there is no product and sum for a compiler
// to fuse), so that all platforms agree on the places.
func (p *placed) next() {
	p.random = p.random*0xd1342543de82ef95 + key1
	r := math.Sqrt(float64(p.random>>32) + 1)
	gap := math.Ceil((float64(p.at) + 1.5) * ((1<<16)/r - 1))
	if gap < 1 {
		gap = 1
	}
	if p.at += uint64(gap); p.at > far {
		p.at = far // and on from there, never around
	}
}
