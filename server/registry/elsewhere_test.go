package registry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// What a server does not know because clients of before are on their way back to
// it, another one does.
func TestComplete(t *testing.T) {
	there, _, _ := newTest(t, Options{Self: "there"})
	put(t, there, "gone", "g1", 1, inst("10.0.0.1", 1))
	sick := inst("10.0.0.2", 1)
	sick.Healthy = false
	put(t, there, "gone", "g2", 1, sick)
	there.ObserveClock(uint64(time.Now().Add(time.Hour).UnixMilli())) // its clock is fast
	put(t, there, "gone", "g3", 1, inst("10.0.0.3", 1))

	here := New(Options{Self: "here"})
	here.Use(&alone{}, &direct{r: here})
	here.UseElsewhere(func(_ context.Context, key ServiceKey) ([]byte, error) { return there.AppendList(nil, key) })
	here.Ready(time.Hour)
	check(t, here.Connect("c", ClientInfo{}))
	check(t, here.Register("c", demo, []Instance{inst("10.0.0.2", 1)})) // it has come back, and is well
	v, err := here.Complete(ctx, demo)
	check(t, err)
	if got := shown(v); got != "10.0.0.1:1 10.0.0.2:1 10.0.0.3:1" {
		t.Fatal(got)
	}
	if v.Unverified || v.Revision < there.View(demo).Revision {
		t.Fatalf("revision %d, there %d", v.Revision, there.View(demo).Revision)
	}
	// What is told here from now on is taken for newer.
	check(t, here.Register("c", demo, []Instance{inst("10.0.0.2", 1)}))
	if r := here.View(demo).Revision; r <= v.Revision {
		t.Fatalf("revision %d after %d", r, v.Revision)
	}
	if !here.View(demo).Unverified {
		t.Fatal("another server's word is no reason to push")
	}
	// So is what is told when the others are not asked any more, though nothing
	// may have changed here.
	v, err = here.Complete(ctx, demo)
	check(t, err)
	here.reveal()
	if r := here.View(demo).Revision; r <= v.Revision {
		t.Fatalf("revision %d after %d", r, v.Revision)
	}
	// A service that nobody knows is known not to be there.
	v, err = here.Complete(ctx, Key("", "", "nobody"))
	check(t, err)
	if len(v.Hosts) != 0 || v.Unverified {
		t.Fatal(v)
	}
}

// All may ask at once, and the others are asked once for all of them. What is
// registered here meanwhile is seen by who asks after it.
func TestCompleteOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := New(Options{Self: "here"})
		r.Use(&alone{}, &direct{r: r})
		asked := 0
		r.UseElsewhere(func(context.Context, ServiceKey) ([]byte, error) {
			asked++
			time.Sleep(time.Second)
			return (&Publication{Stamp: 1, Instances: []Instance{inst("10.0.0.1", 1)}}).Append(nil), nil
		})
		r.Ready(time.Hour)
		impatient, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for n := range 100 {
			go func() {
				ctx := t.Context()
				if n == 50 {
					ctx = impatient
				}
				v, err := r.Complete(ctx, demo)
				switch {
				case err != nil:
					if n != 50 || !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				case shown(v) != "10.0.0.1:1":
					t.Error(shown(v))
				}
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second + freshFor/2)
		if _, err := r.Complete(t.Context(), demo); err != nil || asked != 1 {
			t.Fatalf("asked %d times: %v", asked, err)
		}
		check(t, r.Connect("c", ClientInfo{}))
		check(t, r.Register("c", demo, []Instance{inst("10.0.0.2", 1)}))
		if v, err := r.Complete(t.Context(), demo); err != nil || shown(v) != "10.0.0.1:1 10.0.0.2:1" {
			t.Fatal(v, err)
		}
		time.Sleep(2 * freshFor)
		r.elsewhere.mu.Lock()
		defer r.elsewhere.mu.Unlock()
		if n := len(r.elsewhere.answers); n != 0 {
			t.Fatalf("%d answers are kept", n)
		}
	})
}

func TestCompleteNowhere(t *testing.T) {
	r := New(Options{Self: "here"})
	r.Use(&alone{}, &direct{r: r})
	r.Ready(time.Hour)
	if _, err := r.AppendList(nil, demo); !errors.Is(err, errIncomplete) {
		t.Fatalf("tells others what it does not know: %v", err)
	}
	if _, err := r.AppendList(nil, ServiceKey{}); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	for what, f := range map[string]Elsewhere{
		"no other server":  nil,
		"one that errs":    func(context.Context, ServiceKey) ([]byte, error) { return nil, errIncomplete },
		"one that babbles": func(context.Context, ServiceKey) ([]byte, error) { return []byte("abc"), nil },
	} {
		if f != nil {
			r.UseElsewhere(f)
		}
		if _, err := r.Complete(ctx, demo); !errors.Is(err, ErrNotReady) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
