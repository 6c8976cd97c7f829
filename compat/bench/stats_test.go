package main

import (
	"testing"

	"github.com/musterhq/muster/compat/bench/measure"
)

func samples(vs ...float64) []measure.Sample {
	var out []measure.Sample
	for _, v := range vs {
		out = append(out, measure.Sample{V: v})
	}
	return out
}

func TestMedian(t *testing.T) {
	for _, tc := range []struct {
		in   []measure.Sample
		want measure.Sample
		ok   bool
	}{
		{in: nil, ok: false},
		{in: samples(3), want: measure.Sample{V: 3}, ok: true},
		{in: samples(9, 1, 2), want: measure.Sample{V: 2}, ok: true},
		{in: samples(4, 1, 2, 9), want: measure.Sample{V: 3}, ok: true},
		// One reading of three given up: it is the slowest, the median stands.
		{in: append(samples(5, 7), measure.Sample{V: 180, AtLeast: true}), want: measure.Sample{V: 7}, ok: true},
		{in: append(samples(5), measure.Sample{V: 180, AtLeast: true}), want: measure.Sample{V: 92.5, AtLeast: true}, ok: true},
	} {
		got := median(tc.in)
		if got.ok != tc.ok || got.median != tc.want {
			t.Errorf("median(%v) = %+v, want %+v", tc.in, got, tc.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		name       string
		target     target
		memberlist []measure.Sample
		muster     []measure.Sample
		want       string
	}{
		{"no target", target{}, samples(1), samples(9), ""},
		{"half holds", ratioAtMost(1, 2), samples(10), samples(5), "ok"},
		{"half missed", ratioAtMost(1, 2), samples(10), samples(5.1), "MISS"},
		{"twice holds", ratioAtLeast(2), samples(10), samples(20), "ok"},
		{"twice missed", ratioAtLeast(2), samples(10), samples(19), "MISS"},
		{"none allocated", valueAtMost(0), samples(22), samples(0), "ok"},
		{"one allocated", valueAtMost(0), samples(22), samples(1), "MISS"},
		{"value needs no other system", valueAtMost(4), nil, samples(3), "ok"},
		{"muster failed", valueAtMost(4), samples(9), nil, "MISS"},
		{"nothing to compare with", ratioAtMost(1, 2), nil, samples(3), "?"},
		{"muster gave up", ratioAtMost(1, 1), samples(180), []measure.Sample{{V: 120, AtLeast: true}}, "MISS"},
	} {
		ml, mu := median(tc.memberlist), median(tc.muster)
		if got := tc.target.verdict(mu, ratio(ml, mu)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestFormat(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.00123: "0.001", 0.381: "0.381", 3.14159: "3.14", 26.34: "26.3", 384.4: "384", 299718: "299,718", 1e7: "10,000,000",
	} {
		if got := format(v); got != want {
			t.Errorf("format(%v) = %q, want %q", v, got, want)
		}
	}
}
