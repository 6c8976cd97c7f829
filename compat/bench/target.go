package main

import "fmt"

// target is what must hold for a row.
type target struct {
	kind  targetKind
	limit float64
	text  string
}

type targetKind uint8

const (
	noTarget targetKind = iota
	atMostRatio
	atLeastRatio
	atMostValue // of muster, whatever memberlist has
)

// ratioAtMost wants muster's value to be at most num/den of memberlist's.
func ratioAtMost(num, den int) target {
	return target{atMostRatio, float64(num) / float64(den), fmt.Sprintf("≤ %d/%d", num, den)}
}

func ratioAtLeast(limit float64) target {
	return target{atLeastRatio, limit, fmt.Sprintf("≥ %g", limit)}
}

func valueAtMost(limit float64) target {
	return target{atMostValue, limit, fmt.Sprintf("value ≤ %g", limit)}
}

// verdict judges one row. A target about a ratio stays open where there is
// none.
func (t target) verdict(muster value, ratio *float64) string {
	holds := false
	switch t.kind {
	case noTarget:
		return ""
	case atMostValue:
		if !muster.ok {
			return "MISS"
		}
		holds = muster.median.V <= t.limit && !muster.median.AtLeast
	case atMostRatio:
		if ratio == nil {
			return "?"
		}
		holds = *ratio <= t.limit && !muster.median.AtLeast
	case atLeastRatio:
		if ratio == nil {
			return "?"
		}
		holds = *ratio >= t.limit
	}
	if holds {
		return "ok"
	}
	return "MISS"
}
