package registry

import (
	"testing"
	"testing/synctest"
	"time"
)

// A service that nobody has declared goes a minute after its last instance, as
// Nacos' do, and with it its kind. One that was declared stays.
func TestEmptyServicesGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		declared := Key("", "", "declared")
		check(t, r.Declare(ctx, declared, Declaration{}))
		check(t, r.Connect("c", ClientInfo{}))
		for _, key := range []ServiceKey{demo, declared} {
			check(t, r.Register("c", key, []Instance{inst("10.0.0.1", 1)}))
			check(t, r.Deregister("c", key))
		}
		listed := func() (n int) {
			_, n = r.ServiceNames(DefaultNamespace, DefaultGroup, 1, 10)
			return n
		}
		time.Sleep(59 * time.Second)
		if listed() != 2 {
			t.Fatal("it went early")
		}
		if err := r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)); err == nil {
			t.Fatal("it is of another kind while it is listed")
		}
		time.Sleep(sweepTick + 2*time.Second)
		if listed() != 1 {
			t.Fatal("it stays")
		}
		check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
		// One that is used again in time begins anew.
		check(t, r.Register("c", declared, []Instance{inst("10.0.0.1", 1)}))
		check(t, r.Deregister("c", declared))
		check(t, r.DeregisterPersistent(ctx, demo, "10.0.0.1", 1))
		time.Sleep(50 * time.Second)
		check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
		check(t, r.DeregisterPersistent(ctx, demo, "10.0.0.1", 1))
		time.Sleep(50 * time.Second)
		if listed() != 2 {
			t.Fatal("it was used in between, and went")
		}
		time.Sleep(time.Hour)
		if listed() != 1 {
			t.Fatal("what was declared is gone, or the other one is not")
		}
	})
}
