package registry

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// word returns what was said last, nothing if it was taken back.
func (a *alone) word(entry string) Publication {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.puts[entry]
}

// A client that beats here again, after another server had taken it over, is
// this server's again: with a later word than the other one's.
func TestBeatTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, ea, _ := newTest(t, Options{Self: "a"})
		b, eb, _ := newTest(t, Options{Self: "b"})
		run(t, a)
		run(t, b)
		const id = ClientID("10.0.0.1:1#true")
		entry := string(id) + " " + demo.String()
		check(t, a.RegisterAddress(demo, inst("10.0.0.1", 1)))
		check(t, b.ApplyPublication("a", id, demo, ea.word(entry)))
		time.Sleep(5 * time.Second)
		if _, err := b.Beat(demo, "10.0.0.1", 1, nil); err != nil {
			t.Fatal(err)
		}
		check(t, a.ApplyPublication("b", id, demo, eb.word(entry)))
		for range 12 { // a minute, in which b hears nothing of the client
			time.Sleep(5 * time.Second)
			if _, err := a.Beat(demo, "10.0.0.1", 1, nil); err != nil {
				t.Fatal(err)
			}
			check(t, b.ApplyPublication("a", id, demo, ea.word(entry)))
			if p := eb.word(entry); p.Stamp != 0 {
				check(t, a.ApplyPublication("b", id, demo, p))
			} else {
				a.ApplyRemoval("b", id, demo)
			}
			want(t, a, demo, "10.0.0.1:1")
			want(t, b, demo, "10.0.0.1:1")
		}
		if eb.word(entry).Stamp != 0 {
			t.Fatal("the other server still claims it")
		}
	})
}

// Whoever holds a client's registration is asked to let go of it.
func TestDeregisterAddressEverywhere(t *testing.T) {
	r, e, _ := newTest(t, Options{})
	const id = ClientID("10.0.0.1:1#true")
	type asked struct {
		server string
		id     ClientID
		key    ServiceKey
	}
	var all []asked
	var fail error
	r.UseWithdraw(func(server string, id ClientID, key ServiceKey) error {
		all = append(all, asked{server, id, key})
		return fail
	})
	check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
	p := Publication{Instances: []Instance{inst("10.0.0.1", 1)}, Stamp: 5}
	for _, s := range []string{"b", "c"} {
		check(t, r.ApplyPublication(s, id, demo, p))
	}
	check(t, r.ApplyPublication("d", "10.0.0.2:1#true", demo, Publication{Instances: []Instance{inst("10.0.0.2", 1)}, Stamp: 5}))
	r.OwnerDown("c") // what it holds is stale, and nobody is there to be asked
	if !r.Holds(id, demo) || r.Holds("10.0.0.2:1#true", demo) {
		t.Fatal("who holds what")
	}
	check(t, r.DeregisterAddress(demo, "10.0.0.1", 1))
	if len(all) != 1 || all[0] != (asked{"b", id, demo}) {
		t.Fatalf("asked %v", all)
	}
	if r.Holds(id, demo) || len(e.puts) != 0 {
		t.Fatal("it is still here")
	}
	fail = errors.New("no answer")
	if err := r.DeregisterAddress(demo, "10.0.0.1", 1); !errors.Is(err, fail) {
		t.Fatalf("success, though b may still have it: %v", err)
	}
}

// A subscriber that comes from another server gets a list that is newer than
// what it was given there.
func TestRenew(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
	s, _ := r.Lookup(demo)
	before := s.View().Revision
	s.Renew(before)
	if s.View().Revision != before {
		t.Fatal("renewed without need")
	}
	s.Renew(before + 1000)
	if v := s.View(); v.Revision < before+1000 || len(v.Hosts) != 1 {
		t.Fatalf("revision %d after %d, %d hosts", v.Revision, before, len(v.Hosts))
	}
}
