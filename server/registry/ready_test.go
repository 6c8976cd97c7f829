package registry

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// watcher is an Observer that counts.
type watcher struct {
	mu      sync.Mutex
	changed map[ServiceKey]int
	events  []string
}

func (w *watcher) Changed(s *Service) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(map[ServiceKey]int)
	}
	w.changed[s.Key()]++
}

func (w *watcher) count(k ServiceKey) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed[k]
}

func (w *watcher) Added(k ServiceKey)   { w.event("+" + k.Name) }
func (w *watcher) Removed(k ServiceKey) { w.event("-" + k.Name) }

func (w *watcher) event(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, s)
}

// Until a server is settled its lists claim nothing; then whoever waits for
// one is told.
func TestSettling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Self: "self"})
		var w watcher
		r.Use(&alone{}, &direct{r: r})
		r.Observe(&w)
		run(t, r)
		if r.Status() != "STARTING" || r.IsReady() || !r.View(demo).Unverified {
			t.Fatal("it knows nothing, and says so of nothing")
		}
		_, err := r.Subscribe(demo, &sub{})
		check(t, err)
		lasting := Key("", "", "lasting")
		check(t, r.Declare(ctx, lasting, Declaration{Kind: KindPersistent}))
		_, err = r.Subscribe(lasting, &sub{})
		check(t, err)
		if !r.View(lasting).Unverified {
			t.Fatal("Raft's log may not have been read")
		}
		before := w.count(lasting)
		r.Ready(5 * time.Second)
		r.Ready(time.Hour) // said once
		if r.Status() != "UP" || r.Verified() || !r.View(demo).Unverified {
			t.Fatal("it is settled at once")
		}
		if r.View(lasting).Unverified || w.count(lasting) != before+1 || w.count(demo) != 0 {
			t.Fatalf("what Raft keeps is known, and nothing else: told %d and %d times", w.count(lasting)-before, w.count(demo))
		}
		time.Sleep(6 * time.Second)
		if !r.Verified() || r.View(demo).Unverified {
			t.Fatal("it never settles")
		}
		if n := w.count(demo); n != 1 {
			t.Fatalf("who waits is told %d times", n)
		}
	})
}

// Those who watch for services are told when one appears and when it is gone.
func TestAddedAndRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		var w watcher
		r.Observe(&w)
		run(t, r)
		check(t, r.Connect("c", ClientInfo{}))
		check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 1)}))
		check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 2)}))
		check(t, r.Deregister("c", demo))
		check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 2)}))
		time.Sleep(2 * time.Minute)
		check(t, r.Deregister("c", demo))
		time.Sleep(2 * time.Minute)
		p := Key("", "", "persistent")
		check(t, r.Declare(ctx, p, Declaration{}))
		time.Sleep(time.Hour)
		check(t, r.Undeclare(ctx, p))
		put(t, r, "b", "b1", 1, inst("10.0.0.1", 1))
		want := []string{"+demo", "-demo", "+persistent", "-persistent", "+demo"}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.events) != len(want) {
			t.Fatalf("%v, want %v", w.events, want)
		}
		for i := range want {
			if w.events[i] != want[i] {
				t.Fatalf("%v, want %v", w.events, want)
			}
		}
		if w.changed[demo] != 6 {
			t.Fatalf("%d changes of demo, want one per modification: 6", w.changed[demo])
		}
	})
}
