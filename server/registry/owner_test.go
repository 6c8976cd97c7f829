package registry

import (
	"testing"
	"testing/synctest"
	"time"
)

func put(t testing.TB, r *Registry, server string, id ClientID, stamp uint64, list ...Instance) {
	t.Helper()
	check(t, r.ApplyPublication(server, id, demo, Publication{Instances: list, Stamp: stamp}))
}

// The clients of a server that dies stay listed while they reconnect.
func TestOwnerGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{Grace: 6 * time.Second})
		run(t, r)
		put(t, r, "b", "b1", 1, inst("10.0.0.1", 1))
		put(t, r, "b", "b2", 1, inst("10.0.0.2", 1))
		put(t, r, "c", "c1", 1, inst("10.0.0.3", 1))
		r.OwnerDown("b")
		r.OwnerDown("b") // told twice
		time.Sleep(5 * time.Second)
		want(t, r, demo, "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1")
		// One of them has come here by now: it is listed once.
		check(t, r.Connect("here", ClientInfo{}))
		check(t, r.Register("here", demo, []Instance{inst("10.0.0.1", 1)}))
		want(t, r, demo, "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "10.0.0.1:1 10.0.0.3:1")
		if st := r.Stats(); st.Instances != 2 || st.Clients != 2 {
			t.Fatalf("%+v", st)
		}
	})
}

// What ends a server without having to be noticed leaves its clients no less
// time than its death does.
func TestOwnerGraceUnnoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{Grace: 6 * time.Second, Unnoticed: 5 * time.Second})
		run(t, r)
		put(t, r, "left", "l1", 1, inst("10.0.0.1", 1))
		put(t, r, "restarted", "r1", 1, inst("10.0.0.2", 1))
		put(t, r, "dead", "d1", 1, inst("10.0.0.3", 1))
		r.OwnerLeft("left")
		r.OwnerRestarted("restarted")
		r.OwnerDown("restarted") // its former life is found dead
		r.OwnerUp("restarted")
		time.Sleep(5 * time.Second)
		r.OwnerDown("dead")
		time.Sleep(5 * time.Second)
		want(t, r, demo, "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "")
	})
}

// One that was only thought to be dead loses nothing.
func TestOwnerComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{Grace: 6 * time.Second})
		run(t, r)
		put(t, r, "b", "b1", 1, inst("10.0.0.1", 1))
		r.OwnerDown("b")
		time.Sleep(5 * time.Second)
		r.OwnerUp("b")
		time.Sleep(time.Minute)
		want(t, r, demo, "10.0.0.1:1")
	})
}

// One that restarted has what it says from then on, and for a while what it
// said before.
func TestOwnerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{Grace: 6 * time.Second})
		run(t, r)
		put(t, r, "b", "old1", 1, inst("10.0.0.1", 1))
		put(t, r, "b", "old2", 1, inst("10.0.0.2", 1))
		r.OwnerRestarted("b")
		time.Sleep(2 * time.Second)
		put(t, r, "b", "new1", 5, inst("10.0.0.1", 1))
		want(t, r, demo, "10.0.0.1:1 10.0.0.2:1")
		time.Sleep(5 * time.Second)
		want(t, r, demo, "10.0.0.1:1")

		// Restarted, then thought to be dead, then back: what is of the life
		// before the last one goes nevertheless.
		r.OwnerRestarted("b")
		put(t, r, "b", "newer", 9, inst("10.0.0.9", 1))
		r.OwnerDown("b")
		r.OwnerUp("b")
		time.Sleep(time.Minute)
		want(t, r, demo, "10.0.0.9:1")
	})
}

// The last words of a server that is gone may come after its end.
func TestOwnerLastWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{Grace: 6 * time.Second})
		run(t, r)
		r.OwnerDown("b")
		time.Sleep(time.Minute)
		put(t, r, "b", "b1", 1, inst("10.0.0.1", 1))
		want(t, r, demo, "10.0.0.1:1")
		time.Sleep(7 * time.Second)
		want(t, r, demo, "")
	})
}

// What is mine no word of a peer changes.
func TestOwnIsOwn(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c1", ClientInfo{}))
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	put(t, r, "self", "c1", 99, inst("10.0.0.66", 1))
	r.ApplyRemoval("self", "c1", demo)
	r.ApplyRemoval("b", "c1", demo)
	r.OwnerDown("self")
	want(t, r, demo, "10.0.0.1:1")
	// A peer that claims the same id claims it for itself.
	put(t, r, "b", "c1", 99, inst("10.0.0.2", 1))
	want(t, r, demo, "10.0.0.1:1 10.0.0.2:1")
	r.ApplyRemoval("b", "c1", demo)
	want(t, r, demo, "10.0.0.1:1")
}

// Two servers that know the same address: the newer word counts, and one of a
// server that is gone counts least.
func TestNewerWordCounts(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	sick := inst("10.0.0.1", 1)
	sick.Healthy = false
	put(t, r, "b", "x", 10, inst("10.0.0.1", 1))
	put(t, r, "c", "x", 20, sick)
	want(t, r, demo, "10.0.0.1:1!")
	r.OwnerDown("c")
	r.index.lookup(demo).view.Store(nil)
	want(t, r, demo, "10.0.0.1:1")
}
