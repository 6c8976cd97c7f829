package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
)

var errDown = errors.New("refused")

func TestThreeResultsInARowChangeHealth(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 2)
		if !w.healthy("a") {
			t.Fatal("two results were enough")
		}
		w.probes.set("a", nil)
		w.until("a", 3)
		w.probes.set("a", errDown)
		w.until("a", 5)
		if !w.healthy("a") {
			t.Fatal("four bad results of five were enough, with a good one between")
		}
		w.until("a", 6)
		if w.healthy("a") {
			t.Fatal("three in a row were not enough")
		}
		w.until("a", 20)
		w.probes.set("a", nil)
		w.until("a", 22)
		if w.healthy("a") {
			t.Fatal("two good results were enough")
		}
		w.until("a", 23)
		if !w.healthy("a") {
			t.Fatal("three good results were not enough")
		}
		w.until("a", 50)
		if fmt.Sprint(w.reg.all()) != "[a:80 false a:80 true]" {
			t.Errorf("proposed %q: what does not change must cost no write", w.reg.all())
		}
	})
}

func TestTheNumberOfResultsIsASwitch(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		must(t, w.reg.SetSwitch(t.Context(), "healthCheckTimes", "1", true))
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 1)
		if w.healthy("a") {
			t.Error("one result was not enough")
		}
	})
}

func TestFirstChecksAreSpread(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		begin := time.Now()
		const n = 200
		for i := range n {
			w.register(fmt.Sprint("host", i), true)
		}
		time.Sleep(firstDelay - time.Millisecond)
		if st := w.monitor.Stats(); st.Targets != n || st.TCP.Checks != 0 {
			t.Fatalf("%+v", st)
		}
		time.Sleep(5*time.Second + 2*wheelTick)
		half := 0
		for i := range n {
			at := w.probes.times(fmt.Sprint("host", i))
			if len(at) == 0 {
				t.Fatalf("host%d was not checked in %v", i, time.Since(begin))
			}
			if at[0].Sub(begin) < firstDelay+2500*time.Millisecond {
				half++
			}
		}
		if half < n/4 || half > 3*n/4 {
			t.Errorf("%d of %d in the first half", half, n)
		}
	})
}

func TestIntervalsFollowHowLongChecksTake(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		const took = 200 * time.Millisecond
		w.probes.slow(took)
		w.register("a", true)
		w.until("a", 12)
		at := w.probes.times("a")
		// The first pace is not known but for its check, so the second one
		// follows from it; from there on all are known.
		pace := at[2].Sub(at[1]) - took
		for i := 3; i < len(at); i++ {
			pace = max(time.Duration(0.75*float64(pace)+0.25*float64(took)), time.Second)
			got := at[i].Sub(at[i-1]) - took
			if got < pace-2*wheelTick || got > pace+2*wheelTick {
				t.Errorf("interval %d: %v, not %v", i, got, pace)
			}
			pace = got
		}
		if pace > time.Second+2*wheelTick {
			t.Errorf("a fast instance is checked every %v", pace)
		}
		w.probes.set("a", errDown) // and slow to say so, or not: it is down
		w.until("a", 40)
		at = w.probes.times("a")
		if got := at[len(at)-1].Sub(at[len(at)-2]) - took; got < 4900*time.Millisecond || got > 5100*time.Millisecond {
			t.Errorf("an instance that is down is checked every %v", got)
		}
		if got := at[14].Sub(at[12]); got > 3*time.Second {
			t.Errorf("three failed checks take %v more than the first", got)
		}
	})
}

func TestPacing(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		for kind, want := range map[string]pacing{
			registry.CheckTCP:   {time.Second, 5 * time.Second, 0.75},
			registry.CheckHTTP:  {500 * time.Millisecond, 5 * time.Second, 0.85},
			registry.CheckMySQL: {2 * time.Second, 3 * time.Second, 0.65},
		} {
			if got := interval(w.reg.Switches(), kind); got != want {
				t.Errorf("%s: %+v", kind, got)
			}
		}
	})
	p := pacing{time.Second, 5 * time.Second, 0.75}
	for _, tt := range []struct{ pace, took, want time.Duration }{
		{4 * time.Second, 0, 3 * time.Second},
		{time.Second, 0, time.Second},
		{4 * time.Second, 2 * time.Second, 3500 * time.Millisecond},
		{5 * time.Second, time.Minute, 5 * time.Second},
	} {
		if got := p.after(tt.pace, tt.took); got != tt.want {
			t.Errorf("after %v that took %v: %v", tt.pace, tt.took, got)
		}
	}
}

func TestOneServerChecks(t *testing.T) {
	var mine atomic.Bool
	inWorld(t, Options{Responsible: func(registry.ServiceKey) bool { return mine.Load() }}, func(w *world) {
		w.register("a", true)
		time.Sleep(time.Minute)
		if st := w.monitor.Stats(); st.Targets != 0 || st.TCP.Checks != 0 {
			t.Fatalf("checked what is another's: %+v", st)
		}
		synctest.Wait()
		mine.Store(true)
		w.monitor.Rebalance()
		time.Sleep(wheelTick)
		synctest.Wait()
		if st := w.monitor.Stats(); st.Targets != 1 {
			t.Fatalf("not taken over: %+v", st)
		}
		w.until("a", 1)
		mine.Store(false) // and nobody says so
		time.Sleep(sweepEvery + wheelTick)
		synctest.Wait()
		n := len(w.probes.times("a"))
		time.Sleep(time.Minute)
		if st := w.monitor.Stats(); st.Targets != 0 || len(w.probes.times("a")) != n {
			t.Fatalf("goes on although another does: %+v", st)
		}
	})
}

func TestWhatIsGoneIsNotChecked(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.register("b", true)
		w.until("a", 3)
		must(t, w.reg.DeregisterPersistent(t.Context(), svc, "a", 80))
		time.Sleep(2 * wheelTick)
		synctest.Wait()
		n, m := len(w.probes.times("a")), len(w.probes.times("b"))
		time.Sleep(time.Minute)
		if len(w.probes.times("a")) != n || len(w.probes.times("b")) == m {
			t.Error("the wrong one goes on")
		}
		must(t, w.reg.DeregisterPersistent(t.Context(), svc, "b", 80))
		time.Sleep(time.Minute)
		synctest.Wait()
		w.monitor.mu.Lock()
		defer w.monitor.mu.Unlock()
		if w.monitor.stats.Targets != 0 || w.monitor.wheel.count != 0 || len(w.monitor.services) != 0 {
			t.Errorf("%d targets, %d in the wheel, %d services", w.monitor.stats.Targets, w.monitor.wheel.count, len(w.monitor.services))
		}
	})
}

func TestWhatGoesWhileItIsCheckedIsNotProposed(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 2)
		w.probes.slow(time.Second)
		w.until("a", 3)
		must(t, w.reg.DeregisterPersistent(t.Context(), svc, "a", 80))
		time.Sleep(time.Minute)
		if len(w.reg.all()) != 0 {
			t.Errorf("proposed %q", w.reg.all())
		}
	})
}

func TestARegistrationDoesNotMakeHealthy(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 3)
		w.register("a", true) // says the instance
		if !w.healthy("a") {
			t.Fatal("not registered")
		}
		w.until("a", 4)
		if w.healthy("a") {
			t.Error("three checks and more have failed")
		}
	})
}

func TestAResultThatWasNotKeptComesAgain(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.plane.fail(errors.New("no quorum"))
		w.until("a", 6)
		if st := w.monitor.Stats(); st.Unsaved != 4 || st.Changes != 0 || !w.healthy("a") {
			t.Errorf("%+v", st)
		}
		w.plane.fail(nil)
		w.until("a", 7)
		if w.healthy("a") {
			t.Error("not proposed again")
		}
	})
}

func TestSettingsSayHow(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.until("a", 1)
		set := func(c registry.Cluster) {
			t.Helper()
			must(t, w.reg.SetCluster(t.Context(), svc, "DEFAULT", c))
			time.Sleep(wheelTick)
			synctest.Wait()
		}
		last := func() Target {
			w.until("a", len(w.probes.times("a"))+1)
			w.probes.mu.Lock()
			defer w.probes.mu.Unlock()
			return w.probes.asked[len(w.probes.asked)-1].Target
		}
		if got := last(); got.Port != 80 || got.Checker.Type != registry.CheckTCP {
			t.Errorf("without settings: %+v", got)
		}
		set(registry.Cluster{Checker: registry.Checker{Type: registry.CheckHTTP, Path: "/ok"}, CheckPort: 8081})
		if got := last(); got.Port != 8081 || *got.Checker != (registry.Checker{Type: registry.CheckHTTP, Path: "/ok"}) {
			t.Errorf("another port: %+v %+v", got, got.Checker)
		}
		if st := w.monitor.Stats(); st.HTTP.Checks == 0 || st.TCP.Checks == 0 {
			t.Errorf("%+v", st)
		}
		set(registry.Cluster{Checker: registry.Checker{Type: registry.CheckNone}})
		n := len(w.probes.times("a"))
		time.Sleep(time.Minute)
		if len(w.probes.times("a")) != n {
			t.Error("checked although the settings say no")
		}
		must(t, w.reg.SetHealthByHand(t.Context(), svc, registry.InstanceKey{IP: "a", Port: 80, Cluster: "DEFAULT"}, false))
		time.Sleep(time.Minute)
		if w.healthy("a") {
			t.Error("what an operator said did not stay")
		}
	})
}

func TestResultsOfAnotherCheckDoNotCount(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 2)
		must(t, w.reg.SetCluster(t.Context(), svc, "DEFAULT", registry.Cluster{
			Checker: registry.Checker{Type: registry.CheckHTTP}, UseInstancePort: true,
		}))
		w.until("a", 4)
		if !w.healthy("a") {
			t.Error("two results of TCP and two of HTTP were enough")
		}
		w.until("a", 5)
		if w.healthy("a") {
			t.Error("three of HTTP were not enough")
		}
	})
}

func TestChecksCanBeSwitchedOff(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.register("a", true)
		w.probes.set("a", errDown)
		w.until("a", 2)
		must(t, w.reg.SetSwitch(t.Context(), "check", "off", true))
		n := len(w.probes.times("a"))
		time.Sleep(time.Minute)
		if got := len(w.probes.times("a")); got != n {
			t.Errorf("%d checks while off", got-n)
		}
		must(t, w.reg.SetSwitch(t.Context(), "check", "on", true))
		w.until("a", n+2)
		if !w.healthy("a") {
			t.Error("results from before counted")
		}
		w.until("a", n+3)
		if w.healthy("a") {
			t.Error("three were not enough")
		}
	})
}

func TestNothingIsCheckedBeforeTheRegistryIsReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := registry.New(registry.Options{Self: "a"})
		reg.Use(nil, &plane{reg: reg})
		must(t, reg.RegisterPersistent(t.Context(), svc, registry.Instance{IP: "a", Port: 80, Weight: 1, Enabled: true}))
		p := &probes{}
		m := New(Options{Registry: reg, Prober: p}) // nobody has told it of the instance
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); m.Run(ctx) }()
		time.Sleep(time.Minute)
		if len(p.times("a")) != 0 {
			t.Error("checked")
		}
		reg.Ready(0)
		time.Sleep(time.Minute)
		if len(p.times("a")) == 0 {
			t.Error("not checked")
		}
		// Nor of this one; but it looks.
		must(t, reg.RegisterPersistent(t.Context(), svc, registry.Instance{IP: "b", Port: 80, Weight: 1, Enabled: true}))
		time.Sleep(sweepEvery + 8*time.Second)
		if len(p.times("b")) == 0 {
			t.Error("what changed unnoticed was not found")
		}
		cancel()
		<-done
	})
}

func TestChecksAtATimeAreBounded(t *testing.T) {
	inWorld(t, Options{Workers: 10}, func(w *world) {
		w.probes.slow(time.Second)
		const n = 200
		for i := range n {
			w.register(fmt.Sprint("host", i), true)
		}
		time.Sleep(10 * time.Second)
		if st := w.monitor.Stats(); st.Working != 10 || st.Waiting == 0 || st.Lag < time.Second {
			t.Errorf("%+v", st)
		}
		time.Sleep(time.Minute)
		w.probes.mu.Lock()
		most := w.probes.most
		w.probes.mu.Unlock()
		if most > 10 {
			t.Errorf("%d checks at a time", most)
		}
		// Ten a second, in turn: none is left behind.
		for i := range n {
			if got := len(w.probes.times(fmt.Sprint("host", i))); got < 2 || got > 5 {
				t.Errorf("host%d was checked %d times", i, got)
			}
		}
	})
}

func TestIdleTargetsHaveNoGoroutines(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		before := runtime.NumGoroutine()
		for i := range 2000 {
			w.register(fmt.Sprint("host", i), true)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if st := w.monitor.Stats(); st.Targets != 2000 || runtime.NumGoroutine() > before {
			t.Errorf("%d goroutines more with %d targets", runtime.NumGoroutine()-before, st.Targets)
		}
	})
}

func TestRunEndsWithItsChecks(t *testing.T) {
	inWorld(t, Options{}, func(w *world) {
		w.probes.slow(time.Hour)
		w.register("a", true)
		w.until("a", 1)
		w.stop() // synctest fails if a goroutine is left
		if w.probes.working != 0 || w.monitor.Stats().Working != 0 {
			t.Error("a check goes on")
		}
		if st := w.monitor.Stats(); st.TCP.Checks != 0 {
			t.Errorf("a check that was cut short counts: %+v", st)
		}
	})
}

func TestLogsDoNotFloodWithoutAQuorum(t *testing.T) {
	var lines counter
	inWorld(t, Options{Logger: slog.New(slog.NewTextHandler(&lines, nil))}, func(w *world) {
		w.plane.fail(nil)
		for i := range 50 {
			host := fmt.Sprint("host", i)
			w.register(host, true)
			w.probes.set(host, errDown)
		}
		w.plane.fail(errors.New("no quorum"))
		time.Sleep(time.Minute)
		if st := w.monitor.Stats(); st.Unsaved < 100 || lines.n == 0 || lines.n > 7 {
			t.Errorf("%d lines of %d results", lines.n, st.Unsaved)
		}
	})
}

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return io.Discard.Write(b)
}
