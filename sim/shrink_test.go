package sim

import (
	"net/netip"
	"strings"
	"testing"
)

var addrForTest = netip.MustParseAddrPort("10.0.0.1:7946")

// A cut that nobody mends keeps views apart, which is not the core's fault and
// so can be counted on. Nothing else of a long schedule may be left beside it.
func TestShrink(t *testing.T) {
	faults, err := ParseSchedule(`
		3s say *
		4s loss * for 5s 20%
		5s crash e for 3s
		8s pause d for 4s
		10s part a,b
		12s meta c
		14s dup * for 2s 50%
		15s crash f for 2s move
	`)
	if err != nil {
		t.Fatal(err)
	}
	s := &Scenario{Seed: 1, Nodes: 7, Tuning: Tuning{"local", "k=2", "fanout=2", "reconnect=1s"}, Link: links[0], Faults: faults}
	r := s.Run(Options{})
	v, ok := r.Violated()
	if !ok || v.Invariant != Convergence || !strings.Contains(v.Error(), "seed 1: invariant 8 violated at ") {
		t.Fatalf("got %v, want a violation of %d", r.Err, Convergence)
	}
	least, r := Shrink(s, 200)
	if got := least.Faults.String(); got != "10s part a,b\n" || least.Nodes != 3 || len(least.Tuning) != 1 {
		t.Errorf("minimised to\n%v", least)
	}
	if again, ok := r.Violated(); !ok || again.Invariant != Convergence {
		t.Errorf("the minimised scenario ends with %v", r.Err)
	}
}

// A scenario that holds is left as it is.
func TestShrinkNothing(t *testing.T) {
	s := Generate(1, 5)
	if least, r := Shrink(s, 10); least.String() != s.String() || r.Err != nil {
		t.Errorf("%v\n%v", r.Err, least)
	}
}
