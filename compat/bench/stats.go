package main

import (
	"cmp"
	"math"
	"slices"

	"github.com/musterhq/muster/compat/bench/measure"
)

// value is what a system reached in one row.
type value struct {
	ok      bool // there was a reading
	median  measure.Sample
	samples []measure.Sample
}

// median picks the middle reading; of an even number, the mean of the middle
// two. A reading that was given up sorts as its limit and, where it is in the
// middle, makes the median a lower bound.
func median(samples []measure.Sample) value {
	if len(samples) == 0 {
		return value{}
	}
	s := slices.Clone(samples)
	slices.SortFunc(s, func(a, b measure.Sample) int { return cmp.Compare(a.V, b.V) })
	hi := s[len(s)/2]
	lo := s[(len(s)-1)/2]
	return value{
		ok:      true,
		median:  measure.Sample{V: (lo.V + hi.V) / 2, AtLeast: lo.AtLeast || hi.AtLeast},
		samples: samples,
	}
}

// ratio is muster's median over memberlist's; none when either is missing or
// memberlist's is zero.
func ratio(memberlist, muster value) *float64 {
	if !memberlist.ok || !muster.ok || memberlist.median.V == 0 {
		return nil
	}
	r := muster.median.V / memberlist.median.V
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return nil
	}
	return &r
}
