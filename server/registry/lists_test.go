package registry

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The lists hold what is listed, in order, whatever came and went between two
// looks at them.
func TestLists(t *testing.T) {
	for seed := range uint64(30) {
		rnd := rand.New(rand.NewPCG(seed, 4))
		r, _, _ := newTest(t, Options{})
		check(t, r.Connect("c", ClientInfo{}))
		there := map[ServiceKey]bool{}
		for range 300 {
			key := Key([]string{"", "n"}[rnd.IntN(2)], []string{"A", "B"}[rnd.IntN(2)], fmt.Sprint("s", rnd.IntN(20)))
			switch rnd.IntN(5) {
			case 0, 1:
				check(t, r.Register("c", key, []Instance{inst("10.0.0.1", 1)}))
				there[key] = true
			case 2:
				check(t, r.Deregister("c", key))
			case 3:
				r.sweepServices(time.Now().Add(time.Hour))
				for k := range there {
					if len(r.View(k).Hosts) == 0 {
						delete(there, k)
					}
				}
			case 4:
				total := 0
				for _, ns := range []string{DefaultNamespace, "n"} {
					all := r.Services(ns)
					total += len(all)
					if !slices.IsSortedFunc(all, inOrder) {
						t.Fatalf("seed %d: not in order", seed)
					}
					for _, s := range all {
						if !there[s.key] || s.key.Namespace != ns {
							t.Fatalf("seed %d: %s is listed", seed, s.key)
						}
					}
				}
				if total != len(there) || int(r.index.count.Load()) != total {
					t.Fatalf("seed %d: %d are listed and %d counted of %d", seed, total, r.index.count.Load(), len(there))
				}
			}
		}
	}
}

// While nobody looks at the lists, services that come and go leave nothing.
func TestListsForgetWhatHasGone(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	come := func(key ServiceKey) { t.Helper(); check(t, r.Register("c", key, []Instance{inst("10.0.0.1", 1)})) }
	goes := func(key ServiceKey) {
		t.Helper()
		check(t, r.Deregister("c", key))
		r.sweepServices(time.Now().Add(time.Hour))
	}
	stays, visits := Key("n", "", "stays"), Key("n", "", "visits")
	come(stays)
	come(visits)
	if len(r.Services("n")) != 2 {
		t.Fatal(r.Services("n"))
	}
	for range 3 { // away and back, and away
		goes(visits)
		come(visits)
	}
	goes(visits)
	for i := range 100 {
		come(Key("n", "", fmt.Sprint("s", i)))
		goes(Key("n", "", fmt.Sprint("s", i)))
		come(Key(fmt.Sprint("n", i), "", "s"))
		goes(Key(fmt.Sprint("n", i), "", "s"))
	}
	if l := &r.index.lists; len(l.all) != 1 || len(l.all["n"].news) > 4 {
		t.Fatalf("%d namespaces, %d changes are kept", len(l.all), len(l.all["n"].news))
	}
	if all := r.Services("n"); len(all) != 1 || all[0].Key() != stays {
		t.Fatal(all)
	}
	if all := r.NamespacesInUse(); !slices.Equal(all, []string{"n"}) {
		t.Fatal(all)
	}
	goes(stays)
	if all := r.NamespacesInUse(); len(all) != 0 {
		t.Fatal(all)
	}
}

func BenchmarkListWhileServicesCome(b *testing.B) {
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	fill(b, r, 1_000_000/10) // 10,000 services
	n := 0
	for b.Loop() {
		n++
		check(b, r.Register("1795301530684_10.0.0.0_50000", Key("", "", fmt.Sprint("new", n)), []Instance{inst("10.0.0.1", 1)}))
		r.ServiceNames(DefaultNamespace, DefaultGroup, 1, 10)
	}
}
