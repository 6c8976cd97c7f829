package push

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

var demo = registry.Key("", "", "demo")

// got is one push that arrived.
type got struct {
	id    uint64
	at    time.Time
	key   registry.ServiceKey
	body  []byte
	watch *WatchMessage
}

// client is a Sink.
type client struct {
	to *Receiver

	mu      sync.Mutex
	pushes  []got
	ack     bool          // it answers at once
	refuse  bool          // with no
	blocked chan struct{} // Send waits for it to be closed
	gone    error
}

func (c *client) Render(v *registry.View, q registry.Query) []byte {
	return v.Memo(v.Variant(1, q), func() []byte {
		var out []string
		for _, h := range v.Select(q).Hosts {
			out = append(out, h.Addr())
		}
		slices.Sort(out)
		return []byte(strings.Join(out, " "))
	})
}

func (c *client) Send(id uint64, key registry.ServiceKey, body []byte) error {
	return c.receive(got{id: id, key: key, body: body, at: time.Now()})
}

func (c *client) SendWatch(id uint64, m WatchMessage) error {
	return c.receive(got{id: id, watch: &m, at: time.Now()})
}

func (c *client) receive(g got) error {
	c.mu.Lock()
	c.pushes = append(c.pushes, g)
	ack, refuse, blocked, gone := c.ack, c.refuse, c.blocked, c.gone
	c.mu.Unlock()
	if blocked != nil {
		<-blocked
	}
	if gone != nil {
		return gone
	}
	if ack || refuse {
		go c.to.Ack(g.id, !refuse)
	}
	return nil
}

func (c *client) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

func (c *client) bodies() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, p := range c.pushes {
		out = append(out, string(p.body))
	}
	return out
}

func (c *client) last() got {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pushes[len(c.pushes)-1]
}

// world is a registry that pushes.
type world struct {
	t   *testing.T
	reg *registry.Registry
	e   *Engine
}

func newWorld(t *testing.T, o registry.Options, settle time.Duration) *world {
	reg := registrytest.New(o)
	e := New(reg, Options{})
	reg.Observe(e)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { reg.Run(ctx) })
	wg.Go(func() { e.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	if settle >= 0 {
		reg.Ready(settle)
	}
	w := &world{t, reg, e}
	w.check(reg.Connect("c", registry.ClientInfo{}))
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) client(ack bool) *client {
	c := &client{ack: ack}
	c.to = w.e.NewReceiver(c)
	w.t.Cleanup(c.to.Close)
	return c
}

func (w *world) subscribe(c *client, key registry.ServiceKey) {
	w.t.Helper()
	w.check(c.to.Subscribe(key, registry.Query{}, registry.SubscriberInfo{}, 1000))
}

func (w *world) register(key registry.ServiceKey, port int) {
	w.t.Helper()
	w.check(w.reg.Register("c", key, []registry.Instance{{IP: "10.0.0.1", Port: uint16(port), Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}}))
}

func (w *world) want(c *client, bodies ...string) {
	w.t.Helper()
	synctest.Wait()
	if got := c.bodies(); !slices.Equal(got, bodies) {
		w.t.Fatalf("was pushed %q, want %q", got, bodies)
	}
}

func TestPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := w.client(true)
		w.subscribe(c, demo)
		time.Sleep(30 * time.Millisecond)
		w.want(c, "") // a push follows a subscription
		begin := time.Now()
		w.register(demo, 1)
		time.Sleep(time.Second)
		w.want(c, "", "10.0.0.1:1")
		if took := c.last().at.Sub(begin); took < 20*time.Millisecond || took > 50*time.Millisecond {
			t.Fatalf("it took %v", took)
		}
		time.Sleep(time.Hour) // it was acknowledged: nothing more comes
		w.want(c, "", "10.0.0.1:1")
		c.to.Unsubscribe(demo, "")
		w.register(demo, 2)
		time.Sleep(time.Second)
		w.want(c, "", "10.0.0.1:1")
		if st := w.e.Stats(); st.Sent != 2 || st.Acked != 2 || st.Failed != 0 || st.Empty != 1 || st.Open != 0 || st.MaxCost != 25*time.Millisecond {
			t.Fatalf("%+v", st)
		}
	})
}

// Changes within a delay are one push; more of them do not put it off.
func TestCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := w.client(true)
		w.subscribe(c, demo)
		time.Sleep(30 * time.Millisecond)
		for n := range 1000 {
			w.register(demo, n)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		n := len(c.bodies())
		if n < 30 || n > 45 {
			t.Fatalf("%d pushes for a second of changes, want one per 25 ms", n)
		}
		if b := c.last().body; string(b) != "10.0.0.1:999" {
			t.Fatalf("last pushed %s", b)
		}
	})
}

// A subscriber that does not read costs itself only, and gets the latest list
// and none of those between.
func TestSlowSubscriber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		slow, quick := w.client(true), w.client(true)
		slow.blocked = make(chan struct{})
		w.subscribe(slow, demo)
		w.subscribe(quick, demo)
		for n := range 100 {
			time.Sleep(time.Second)
			w.register(demo, n)
		}
		time.Sleep(time.Second)
		if n := len(quick.bodies()); n != 101 {
			t.Fatalf("the quick one was pushed %d times", n)
		}
		if n := len(slow.bodies()); n != 1 {
			t.Fatalf("the slow one was pushed %d times", n)
		}
		if n := len(slow.to.marked); n > 1 {
			t.Fatalf("%d things wait for the slow one", n)
		}
		close(slow.blocked)
		slow.set(func() { slow.blocked = nil })
		time.Sleep(time.Second)
		w.want(slow, "", "10.0.0.1:99")
		a, b := slow.last().body, quick.last().body
		if &a[0] != &b[0] {
			t.Fatal("the two were not sent the same bytes")
		}
	})
}

// What is not acknowledged is sent again, as it is by then, until it is.
func TestRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		w.register(demo, 1)
		c := w.client(false)
		w.subscribe(c, demo)
		time.Sleep(5 * time.Second)
		w.want(c, "10.0.0.1:1")
		time.Sleep(1500 * time.Millisecond)
		w.want(c, "10.0.0.1:1", "10.0.0.1:1")
		w.register(demo, 2) // it is sent when the time for the one before is over
		time.Sleep(4 * time.Second)
		w.want(c, "10.0.0.1:1", "10.0.0.1:1")
		time.Sleep(time.Second)
		w.want(c, "10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2")
		first, latest := c.pushes[0].id, c.last().id
		if n := len(c.to.open); n != 1 {
			t.Fatalf("%d pushes are open for one subscription", n)
		}
		c.to.Ack(first, true) // an answer to what is out of date
		time.Sleep(7 * time.Second)
		w.want(c, "10.0.0.1:1", "10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:2")
		c.to.Ack(latest, true) // too late: it was given up
		time.Sleep(7 * time.Second)
		if n := len(c.bodies()); n != 5 {
			t.Fatalf("%d pushes", n)
		}
		c.to.Ack(c.last().id, true)
		time.Sleep(time.Hour)
		if n := len(c.bodies()); n != 5 {
			t.Fatalf("%d pushes after it was acknowledged", n)
		}
		// One who says no is asked again, but not at once.
		c.set(func() { c.refuse = true })
		w.register(demo, 3)
		time.Sleep(10 * time.Second)
		if n := len(c.bodies()) - 5; n < 8 || n > 11 {
			t.Fatalf("%d pushes in 10 s to one who refuses", n)
		}
		c.set(func() { c.refuse, c.ack = false, true })
		time.Sleep(5 * time.Second)
		n := len(c.bodies())
		time.Sleep(time.Hour)
		if len(c.bodies()) != n {
			t.Fatal("it is pushed again after it was acknowledged")
		}
	})
}

// A list is not sent while the one before may still be on its way into the
// client's memory, and then is the latest.
func TestInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		inTurn, lossy := w.client(false), &client{}
		lossy.to = w.e.NewLossyReceiver(lossy, 1)
		defer lossy.to.Close()
		other := registry.Key("", "", "other")
		w.subscribe(inTurn, demo)
		w.subscribe(inTurn, other)
		w.subscribe(lossy, demo)
		time.Sleep(30 * time.Millisecond)
		w.want(inTurn, "", "")
		for n := range 3 {
			w.register(demo, n)
			time.Sleep(30 * time.Millisecond)
		}
		w.want(inTurn, "", "")
		w.want(lossy, "", "10.0.0.1:0", "10.0.0.1:1", "10.0.0.1:2")
		inTurn.to.Ack(inTurn.pushes[0].id, true)
		inTurn.to.Ack(inTurn.pushes[1].id, true)
		w.want(inTurn, "", "", "10.0.0.1:2")
		inTurn.to.Ack(inTurn.last().id, true)
		time.Sleep(time.Hour)
		w.want(inTurn, "", "", "10.0.0.1:2")
	})
}

// A lossy receiver has a bound of retries, for those who ask again themselves.
func TestBoundedRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := &client{}
		c.to = w.e.NewLossyReceiver(c, 1)
		defer c.to.Close()
		w.subscribe(c, demo)
		time.Sleep(time.Hour)
		w.want(c, "", "")
		w.register(demo, 1)
		time.Sleep(time.Hour)
		w.want(c, "", "", "10.0.0.1:1", "10.0.0.1:1")
	})
}

// Nothing is pushed that was not verified, and all of it once it was.
func TestNothingBeforeVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, -1)
		c := w.client(true)
		w.subscribe(c, demo)
		time.Sleep(time.Minute)
		w.want(c)
		w.reg.Ready(6 * time.Second)
		time.Sleep(time.Second)
		w.register(demo, 1)
		time.Sleep(4 * time.Second)
		w.want(c)
		time.Sleep(2 * time.Second)
		w.want(c, "10.0.0.1:1")
	})
}

// One that is gone is not sent anything any more, nor kept.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := w.client(true)
		c.gone = errors.New("reset by peer")
		w.subscribe(c, demo)
		time.Sleep(time.Second)
		if w.reg.Stats().Subscribers != 0 {
			t.Fatal("it is still subscribed")
		}
		w.register(demo, 1)
		time.Sleep(time.Minute)
		if n := len(c.bodies()); n != 1 {
			t.Fatalf("%d pushes", n)
		}
		if err := c.to.Subscribe(demo, registry.Query{}, registry.SubscriberInfo{}, 1); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestSubscriptionLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		c := w.client(true)
		sub := func(name string) error {
			return c.to.Subscribe(registry.Key("", "", name), registry.Query{}, registry.SubscriberInfo{}, 2)
		}
		w.check(sub("a"))
		w.check(sub("b"))
		w.check(sub("a"))
		if err := sub("c"); !errors.Is(err, registry.ErrLimit) {
			t.Fatal(err)
		}
		c.to.Unsubscribe(registry.Key("", "", "a"), "")
		w.check(sub("c"))
	})
}

// Subscribers that have nothing to be told cost no goroutine.
func TestIdleCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, registry.Options{}, 0)
		before := runtime.NumGoroutine()
		var all []*client
		for n := range 500 {
			c := w.client(true)
			w.subscribe(c, registry.Key("", "", fmt.Sprint("s", n%10)))
			all = append(all, c)
		}
		for n := range 10 {
			w.register(registry.Key("", "", fmt.Sprint("s", n)), 1)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := runtime.NumGoroutine(); n > before {
			t.Fatalf("%d goroutines, %d before 500 subscribers", n, before)
		}
		for _, c := range all {
			if len(c.bodies()) == 0 {
				t.Fatal("one was not told")
			}
			if len(c.to.open) != 0 || len(c.to.marked) != 0 {
				t.Fatal("something is left open")
			}
		}
		time.Sleep(time.Minute)
		w.e.mu.Lock()
		defer w.e.mu.Unlock()
		if len(w.e.acks.items) != 0 || len(w.e.changes.items) != 0 || len(w.e.again.items) != 0 {
			t.Fatal("something is left in the queues")
		}
	})
}
