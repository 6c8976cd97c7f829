package registry

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// An instance that does not beat is unhealthy after 15 s and gone after 30 s.
func TestBeatExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, e, _ := newTest(t, Options{})
		run(t, r)
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		time.Sleep(14 * time.Second)
		want(t, r, demo, "10.0.0.1:1")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "10.0.0.1:1!")
		if e.puts["10.0.0.1:1#true "+demo.String()].Instances[0].Healthy {
			t.Fatal("the others are not told")
		}
		reply, err := r.Beat(demo, "10.0.0.1", 1, nil)
		if err != nil || !reply.Known || reply.Interval != 5*time.Second {
			t.Fatal(reply, err)
		}
		want(t, r, demo, "10.0.0.1:1")
		time.Sleep(29 * time.Second)
		want(t, r, demo, "10.0.0.1:1!")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "")
		if len(e.puts) != 0 || r.Stats().OwnClients != 0 {
			t.Fatal("it is gone here alone")
		}
		if reply, err := r.Beat(demo, "10.0.0.1", 1, nil); err != nil || reply.Known {
			t.Fatal("a light beat of an unknown instance", reply, err)
		}
		full := inst("10.0.0.1", 1)
		if reply, err := r.Beat(demo, "10.0.0.1", 1, &full); err != nil || !reply.Known {
			t.Fatal("a full beat of an unknown instance", reply, err)
		}
		want(t, r, demo, "10.0.0.1:1")
	})
}

// What is taken over from a server that died is as old as that server's last
// sign of life, and what had fallen silent there is older still.
func TestAdoptedBeatExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		time.Sleep(time.Minute) // so that there is a past
		silent := inst("10.0.0.2", 1)
		silent.Healthy = false
		lost := time.Now().Add(-6 * time.Second)
		check(t, r.AdoptAddress(demo, inst("10.0.0.1", 1), lost))
		check(t, r.AdoptAddress(demo, silent, lost))
		want(t, r, demo, "10.0.0.1:1 10.0.0.2:1!")
		time.Sleep(10 * time.Second)
		want(t, r, demo, "10.0.0.1:1!") // 16 s and 31 s
		time.Sleep(15 * time.Second)
		want(t, r, demo, "")
		check(t, r.AdoptAddress(demo, inst("10.0.0.1", 1), time.Now().Add(-time.Hour)))
		time.Sleep(2 * time.Second)
		want(t, r, demo, "")
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		check(t, r.AdoptAddress(demo, inst("10.0.0.1", 1), time.Now().Add(-time.Hour))) // it had come by itself
		time.Sleep(14 * time.Second)
		want(t, r, demo, "10.0.0.1:1")
	})
}

// One that beats stays, however long.
func TestBeatKeeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		rev := r.View(demo).Revision
		for range 1000 {
			time.Sleep(5 * time.Second)
			if reply, err := r.Beat(demo, "10.0.0.1", 1, nil); err != nil || !reply.Known {
				t.Fatal(reply, err)
			}
		}
		if v := r.View(demo); v.Revision != rev {
			t.Fatal("a beat is no change")
		}
		n := 0
		r.beats.mu.Lock()
		defer r.beats.mu.Unlock()
		for i := range r.beats.slots {
			n += len(r.beats.slots[i])
		}
		if n != 1 {
			t.Fatalf("%d entries in the wheel for one instance", n)
		}
	})
}

// An instance may say how long it is waited for.
func TestBeatOverrides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		i := inst("10.0.0.1", 1)
		i.Meta = NewMetadata(map[string]string{keyBeatInterval: "1000", keyBeatTimeout: "3000", keyDeleteAfter: "200000"}, "")
		check(t, r.RegisterAddress(demo, i))
		if reply, err := r.Beat(demo, "10.0.0.1", 1, nil); err != nil || reply.Interval != time.Second {
			t.Fatal(reply, err)
		}
		time.Sleep(4 * time.Second)
		want(t, r, demo, "10.0.0.1:1!")
		time.Sleep(195 * time.Second) // longer than the wheel goes round
		want(t, r, demo, "10.0.0.1:1!")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "")

		// A shorter time than before counts at once.
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		check(t, r.RegisterAddress(demo, i))
		time.Sleep(4 * time.Second)
		want(t, r, demo, "10.0.0.1:1!")
	})
}

// While a server loads, no beat can reach it: what expires does so one period
// after, at the earliest.
func TestBeatsPauseWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Self: "self"})
		r.Use(&alone{}, &direct{r: r})
		run(t, r)
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		time.Sleep(time.Minute)
		want(t, r, demo, "10.0.0.1:1")
		r.Ready(0)
		time.Sleep(14 * time.Second)
		want(t, r, demo, "10.0.0.1:1")
		time.Sleep(2 * time.Second)
		want(t, r, demo, "10.0.0.1:1!")
	})
}

// When another server has become the one to beat at, it takes the instance
// over with the first beat, and the first one lets go of it in silence.
func TestBeatTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, ea, _ := newTest(t, Options{Self: "a"})
		b, eb, _ := newTest(t, Options{Self: "b"})
		run(t, a)
		run(t, b)
		const id = ClientID("10.0.0.1:1#true")
		entry := string(id) + " " + demo.String()
		i := inst("10.0.0.1", 1)
		i.Meta = NewMetadata(map[string]string{"zone": "x"}, "")
		check(t, a.RegisterAddress(demo, i))
		check(t, b.ApplyPublication("a", id, demo, ea.puts[entry]))

		time.Sleep(time.Second)
		if reply, err := b.Beat(demo, "10.0.0.1", 1, nil); err != nil || !reply.Known {
			t.Fatal(reply, err)
		}
		if eb.puts[entry].Instances[0].Meta.Get("zone") != "x" {
			t.Fatal("metadata is lost")
		}
		check(t, a.ApplyPublication("b", id, demo, eb.puts[entry]))
		for range 20 {
			time.Sleep(5 * time.Second)
			if _, err := b.Beat(demo, "10.0.0.1", 1, nil); err != nil {
				t.Fatal(err)
			}
			want(t, a, demo, "10.0.0.1:1")
			want(t, b, demo, "10.0.0.1:1")
		}
		if _, still := ea.puts[entry]; still {
			t.Fatal("the first server still claims it")
		}
	})
}

// What cannot be told to the others is tried again.
func TestBeatExpiryIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, e, _ := newTest(t, Options{})
		run(t, r)
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		e.mu.Lock()
		e.fail = errors.New("full")
		e.mu.Unlock()
		time.Sleep(time.Minute)
		want(t, r, demo, "10.0.0.1:1")
		e.mu.Lock()
		e.fail = nil
		e.mu.Unlock()
		time.Sleep(3 * time.Second)
		want(t, r, demo, "")
	})
}

// What an operator lays over the times of an instance's beats holds, and ends
// with the overlay.
func TestBeatOverlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		key := []InstanceKey{{"10.0.0.1", 1, DefaultCluster}}
		check(t, r.RegisterAddress(demo, inst("10.0.0.1", 1)))
		check(t, r.PatchInstances(ctx, demo, key, Patch{Set: map[string]string{keyBeatInterval: "60000", keyBeatTimeout: "100000", keyDeleteAfter: "200000"}}))
		reply, err := r.Beat(demo, "10.0.0.1", 1, nil)
		if err != nil || reply.Interval != time.Minute {
			t.Fatal(reply, err)
		}
		time.Sleep(95 * time.Second)
		want(t, r, demo, "10.0.0.1:1")
		if h := r.View(demo).Hosts; !h[0].Healthy {
			t.Fatal("it has the time that the operator gives it")
		}
		time.Sleep(10 * time.Second)
		if h := r.View(demo).Hosts; len(h) != 1 || h[0].Healthy {
			t.Fatal("it is silent for longer than the operator allows")
		}
		check(t, r.PatchInstances(ctx, demo, key, Patch{Replace: true}))
		if reply, err = r.Beat(demo, "10.0.0.1", 1, nil); err != nil || reply.Interval != DefaultBeatInterval {
			t.Fatal(reply, err)
		}
		time.Sleep(20 * time.Second)
		if h := r.View(demo).Hosts; len(h) != 1 || h[0].Healthy {
			t.Fatal("it is held to nothing any more")
		}
		time.Sleep(20 * time.Second)
		want(t, r, demo, "")
	})
}
