package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// alone is an Ephemeral that remembers what it was told, and fails when told to.
type alone struct {
	mu   sync.Mutex
	puts map[string]Publication
	fail error
}

func (a *alone) Put(c ClientID, k ServiceKey, p Publication) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	if a.puts == nil {
		a.puts = make(map[string]Publication)
	}
	p.Instances = slices.Clone(p.Instances)
	a.puts[string(c)+" "+k.String()] = p
	return nil
}

func (a *alone) Remove(c ClientID, k ServiceKey) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.fail != nil {
		return a.fail
	}
	delete(a.puts, string(c)+" "+k.String())
	return nil
}

func (a *alone) DropClient(c ClientID, services []ServiceKey) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, k := range services {
		delete(a.puts, string(c)+" "+k.String())
	}
	return a.fail
}

// direct is a Persistent that applies at once.
type direct struct {
	r     *Registry
	mu    sync.Mutex
	index uint64
	log   [][]byte
}

func (d *direct) Propose(_ context.Context, command []byte) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.index++
	d.log = append(d.log, command)
	return d.r.Apply(d.index, command), nil
}

func (d *direct) Linearizable(context.Context) error { return nil }

func newTest(t testing.TB, o Options) (*Registry, *alone, *direct) {
	t.Helper()
	if o.Self == "" {
		o.Self = "self"
	}
	r := New(o)
	e, p := &alone{}, &direct{r: r}
	r.Use(e, p)
	r.Ready(0)
	return r, e, p
}

// run has the registry kept for the rest of a test.
func run(t testing.TB, r *Registry) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { r.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
}

var (
	demo = Key("", "", "demo")
	ctx  = context.Background()
)

func inst(ip string, port uint16) Instance {
	return Instance{IP: ip, Port: port, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}
}

func lasting(ip string, port uint16) Instance {
	i := inst(ip, port)
	i.Ephemeral = false
	return i
}

func hosts(r *Registry, k ServiceKey) string { return shown(r.View(k)) }

func shown(v *View) string {
	var out []string
	for _, h := range v.Hosts {
		s := h.Addr()
		if !h.Healthy {
			s += "!"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, r *Registry, k ServiceKey, list string) {
	t.Helper()
	if got := hosts(r, k); got != list {
		t.Fatalf("%s has %q, want %q", k, got, list)
	}
}

// One slot per client and service: a registration replaces what was there, a
// batch as well.
func TestRegisterReplaces(t *testing.T) {
	r, e, _ := newTest(t, Options{})
	check(t, r.Connect("c1", ClientInfo{}))
	check(t, r.Connect("c2", ClientInfo{}))
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	check(t, r.Register("c2", demo, []Instance{inst("10.0.0.2", 1)}))
	want(t, r, demo, "10.0.0.1:1 10.0.0.2:1")
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 2)}))
	want(t, r, demo, "10.0.0.1:2 10.0.0.2:1")
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 3), inst("10.0.0.1", 4)}))
	want(t, r, demo, "10.0.0.1:3 10.0.0.1:4 10.0.0.2:1")
	check(t, r.Deregister("c1", demo))
	check(t, r.Deregister("c1", demo)) // again: no error
	want(t, r, demo, "10.0.0.2:1")
	check(t, r.Disconnect("c2"))
	want(t, r, demo, "")
	if len(e.puts) != 0 {
		t.Fatalf("others are still told of %v", e.puts)
	}
	if err := r.Register("c2", demo, []Instance{inst("10.0.0.2", 1)}); !errors.Is(err, ErrClientGone) {
		t.Fatalf("registering after the end: %v", err)
	}
	if n := r.instances.Load(); n != 0 {
		t.Fatalf("%d instances are counted", n)
	}
}

// What could not be spread is not kept: the client is told, and nobody sees it.
func TestRegisterFailsWhole(t *testing.T) {
	r, e, _ := newTest(t, Options{})
	check(t, r.Connect("c1", ClientInfo{}))
	e.fail = errors.New("full")
	if err := r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}); err == nil {
		t.Fatal("success, and nothing was kept")
	}
	want(t, r, demo, "")
	e.fail = nil
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	e.fail = errors.New("full")
	if err := r.Deregister("c1", demo); err == nil {
		t.Fatal("success, and others still have it")
	}
	want(t, r, demo, "10.0.0.1:1")
}

// A revision moves on every registration, also of the same instance: a client
// that is told of it must not take it for old.
func TestRevisionMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, e, _ := newTest(t, Options{})
		check(t, r.Connect("c1", ClientInfo{}))
		last := uint64(0)
		for n := range 100 {
			check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
			v := r.View(demo)
			if v.Revision <= last {
				t.Fatalf("revision %d after %d", v.Revision, last)
			}
			if stamp := e.puts["c1 "+demo.String()].Stamp; stamp > v.Revision {
				t.Fatalf("others are told of revision %d, here it is %d", stamp, v.Revision)
			}
			last = v.Revision
			if n%10 == 0 {
				time.Sleep(time.Second)
			}
		}
		if now := uint64(time.Now().UnixMilli()); last < now-1000 {
			t.Fatalf("revision %d is far behind the clock %d", last, now)
		}
	})
}

// So it does on each other change, however close the next one is.
func TestRevisionMovesOnEveryChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the clock stands still
		r, _, _ := newTest(t, Options{})
		check(t, r.Connect("c1", ClientInfo{}))
		changes := []func() error{
			func() error { return r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}) },
			func() error { return r.Deregister("c1", demo) },
			func() error {
				return r.ApplyPublication("b", "b1", demo, Publication{Instances: []Instance{inst("10.0.0.2", 1)}})
			},
			func() error { r.ApplyRemoval("b", "b1", demo); return nil },
			func() error { return r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}) },
			func() error { return r.Disconnect("c1") },
		}
		last := uint64(0)
		for n, change := range changes {
			check(t, change())
			v := r.View(demo)
			if v.Revision <= last {
				t.Fatalf("change %d: revision %d after %d", n, v.Revision, last)
			}
			last = v.Revision
		}
	})
}

// A client that goes from a server whose clock is an hour fast to one whose is
// right sees revisions grow.
func TestRevisionAcrossServers(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c1", ClientInfo{}))
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	fast := uint64(time.Now().Add(time.Hour).UnixMilli())
	check(t, r.ApplyPublication("fast", "f1", demo, Publication{Instances: []Instance{inst("10.0.0.2", 1)}, Stamp: fast}))
	if v := r.View(demo); v.Revision < fast {
		t.Fatalf("revision %d, the other server's was %d", v.Revision, fast)
	}
	check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	if v := r.View(demo); v.Revision <= fast {
		t.Fatalf("revision %d after %d", v.Revision, fast)
	}
	// One beyond belief does not carry the clock away.
	check(t, r.ApplyPublication("mad", "f1", demo, Publication{Instances: []Instance{inst("10.0.0.3", 1)}, Stamp: 1 << 62}))
	if v := r.View(demo); v.Revision > fast+1000 {
		t.Fatalf("revision %d", v.Revision)
	}
}

// A service that is gone and comes back does not begin anew.
func TestRevisionOutlivesService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		r.ObserveClock(uint64(time.Now().Add(time.Hour).UnixMilli()))
		check(t, r.Connect("c1", ClientInfo{}))
		check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
		last := r.View(demo).Revision
		check(t, r.Deregister("c1", demo))
		time.Sleep(2 * time.Minute)
		if r.index.lookup(demo) != nil {
			t.Fatal("the empty service is still there")
		}
		check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
		if v := r.View(demo); v.Revision <= last {
			t.Fatalf("revision %d after %d", v.Revision, last)
		}
	})
}

// A service is of one kind for its whole life, which ends a minute after its
// last instance.
func TestKindForLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		check(t, r.Connect("c1", ClientInfo{}))
		check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
		err := r.RegisterPersistent(ctx, demo, lasting("10.0.0.2", 1))
		if !errors.Is(err, ErrKind) || err.Error() != "Current service DEFAULT_GROUP@@demo is ephemeral service, can't register persistent instance." {
			t.Fatal(err)
		}
		check(t, r.Deregister("c1", demo))
		if err := r.RegisterPersistent(ctx, demo, lasting("10.0.0.2", 1)); !errors.Is(err, ErrKind) {
			t.Fatal(err)
		}
		if _, ok := r.Lookup(demo); !ok {
			t.Fatal("the service is not listed while it is remembered")
		}
		time.Sleep(time.Minute + 2*sweepTick)
		if _, ok := r.Lookup(demo); ok {
			t.Fatal("the empty service is listed after a minute")
		}
		check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.2", 1)))
		err = r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)})
		if !errors.Is(err, ErrKind) || err.Error() != "Current service DEFAULT_GROUP@@demo is persistent service, can't register ephemeral instance." {
			t.Fatal(err)
		}
		if err := r.RegisterAddress(demo, inst("10.0.0.1", 1)); !errors.Is(err, ErrKind) {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		want(t, r, demo, "10.0.0.2:1")
		check(t, r.DeregisterPersistent(ctx, demo, "10.0.0.2", 1))
		check(t, r.DeregisterPersistent(ctx, demo, "10.0.0.2", 1))
		want(t, r, demo, "")
		time.Sleep(2 * time.Minute)
		check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
	})
}

// A subscriber keeps a service's entry, but not its name in the lists.
func TestSubscriberKeepsEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		s, err := r.Subscribe(demo, &sub{})
		check(t, err)
		if _, ok := r.Lookup(demo); ok || len(r.Services(DefaultNamespace)) != 0 {
			t.Fatal("a service that only has a subscriber is listed")
		}
		time.Sleep(10 * time.Minute)
		check(t, r.Connect("c1", ClientInfo{}))
		check(t, r.Register("c1", demo, []Instance{inst("10.0.0.1", 1)}))
		if len(s.View().Hosts) != 1 {
			t.Fatal("the subscriber looks at another entry than the client registers in")
		}
	})
}

type sub struct{ info SubscriberInfo }

func (s *sub) Info() SubscriberInfo { return s.info }

func TestValidation(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c1", ClientInfo{}))
	long := func(n int) string { return strings.Repeat("x", n) }
	bad := map[string]func(*ServiceKey, *Instance){
		"no name":          func(k *ServiceKey, i *Instance) { k.Name = "" },
		"name of 513":      func(k *ServiceKey, i *Instance) { k.Name = long(513) },
		"name with space":  func(k *ServiceKey, i *Instance) { k.Name = "a b" },
		"name with @":      func(k *ServiceKey, i *Instance) { k.Name = "@a" },
		"name with @@":     func(k *ServiceKey, i *Instance) { k.Name = "a@@b" },
		"Chinese name":     func(k *ServiceKey, i *Instance) { k.Name = "服务" },
		"group of 129":     func(k *ServiceKey, i *Instance) { k.Group = long(129) },
		"group with /":     func(k *ServiceKey, i *Instance) { k.Group = "a/b" },
		"namespace of 65":  func(k *ServiceKey, i *Instance) { k.Namespace = long(65) },
		"namespace with .": func(k *ServiceKey, i *Instance) { k.Namespace = "a.b" },
		"no ip":            func(k *ServiceKey, i *Instance) { i.IP = "" },
		"ip of 129":        func(k *ServiceKey, i *Instance) { i.IP = long(129) },
		"ip with space":    func(k *ServiceKey, i *Instance) { i.IP = "10.0.0.1 " },
		"weight of 10001":  func(k *ServiceKey, i *Instance) { i.Weight = 10001 },
		"negative weight":  func(k *ServiceKey, i *Instance) { i.Weight = -1 },
		"cluster of 65":    func(k *ServiceKey, i *Instance) { i.Cluster = long(65) },
		"cluster with ,":   func(k *ServiceKey, i *Instance) { i.Cluster = "a,b" },
		"metadata of 1025": func(k *ServiceKey, i *Instance) { i.Meta = NewMetadata(map[string]string{"k": long(1024)}, "") },
		"timeout < interval": func(k *ServiceKey, i *Instance) {
			i.Meta = NewMetadata(map[string]string{keyBeatTimeout: "1000", keyBeatInterval: "5000"}, "")
		},
		"persistent": func(k *ServiceKey, i *Instance) { i.Ephemeral = false },
	}
	for name, f := range bad {
		k, i := demo, inst("10.0.0.1", 1)
		f(&k, &i)
		if err := r.Register("c1", k, []Instance{i}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := map[string]func(*ServiceKey, *Instance){
		"name of 512":      func(k *ServiceKey, i *Instance) { k.Name = long(512) },
		"host name":        func(k *ServiceKey, i *Instance) { i.IP = "db.example.org" },
		"IPv6":             func(k *ServiceKey, i *Instance) { i.IP = "fe80::1%eth0" },
		"weight of zero":   func(k *ServiceKey, i *Instance) { i.Weight = 0 },
		"metadata of 1024": func(k *ServiceKey, i *Instance) { i.Meta = NewMetadata(map[string]string{"k": long(1023)}, "") },
		"port 65535":       func(k *ServiceKey, i *Instance) { i.Port = 65535 },
	}
	for name, f := range good {
		k, i := demo, inst("10.0.0.1", 1)
		f(&k, &i)
		if err := r.Register("c1", k, []Instance{i}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, r.Register("c1", demo, []Instance{{IP: "10.0.0.1", Weight: 0.001, Ephemeral: true}}))
	if h := r.View(demo).Hosts[0]; h.Weight != MinWeight || h.Cluster != DefaultCluster {
		t.Fatalf("%+v", h)
	}
}

func TestLimits(t *testing.T) {
	r, _, _ := newTest(t, Options{Limits: Limits{Clients: 2, PerService: 3, PerClient: 4, Services: 3, Instances: 5}})
	check(t, r.Connect("c1", ClientInfo{}))
	check(t, r.Connect("c2", ClientInfo{}))
	if err := r.Connect("c3", ClientInfo{}); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	if err := r.RegisterAddress(demo, inst("1.1.1.1", 1)); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	three := []Instance{inst("10.0.0.1", 1), inst("10.0.0.1", 2), inst("10.0.0.1", 3)}
	check(t, r.Register("c1", demo, slices.Clone(three)))
	check(t, r.Register("c1", demo, slices.Clone(three))) // a replacement is no more
	if err := r.Register("c2", demo, []Instance{inst("10.0.0.2", 1)}); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	if err := r.Register("c1", Key("", "", "b"), three[:2]); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	check(t, r.Register("c2", Key("", "", "b"), []Instance{inst("10.0.0.2", 1), inst("10.0.0.2", 2)}))
	if err := r.Register("c1", Key("", "", "b"), three[:1]); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	check(t, r.Deregister("c2", Key("", "", "b")))
	check(t, r.Register("c1", Key("", "", "c"), three[:1]))
	if err := r.Register("c2", Key("", "", "d"), []Instance{inst("10.0.0.2", 1)}); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
}

// All of it at once, under the race detector; what is left must add up.
func TestConcurrent(t *testing.T) {
	r, _, _ := newTest(t, Options{Grace: time.Millisecond})
	ctx, cancel := context.WithCancel(ctx)
	var keepers, workers sync.WaitGroup
	keepers.Add(1)
	go func() { defer keepers.Done(); r.Run(ctx) }()
	for w := range 8 {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for n := range 200 {
				id := ClientID(fmt.Sprintf("c%d-%d", w, n))
				key := Key("", "", fmt.Sprintf("s%d", n%7))
				foreign := ClientID(fmt.Sprintf("f%d", n))
				other := fmt.Sprintf("server%d", w%3)
				check(t, r.Connect(id, ClientInfo{}))
				check(t, r.Register(id, key, []Instance{inst("10.0.0.1", uint16(n)), inst("10.0.0.2", uint16(w))}))
				check(t, r.RegisterAddress(key, inst(fmt.Sprintf("10.1.0.%d", w), uint16(n))))
				check(t, r.ApplyPublication(other, foreign, key, Publication{Instances: []Instance{inst("10.2.0.1", uint16(n))}, Stamp: uint64(n)}))
				_ = r.View(key).Select(Query{HealthyOnly: true})
				if n%20 == 0 {
					r.OwnerDown(other)
					r.Stats()
					r.Services(DefaultNamespace)
				}
				r.ApplyRemoval(other, foreign, key)
				check(t, r.DeregisterAddress(key, fmt.Sprintf("10.1.0.%d", w), uint16(n)))
				if n%2 == 0 {
					check(t, r.Deregister(id, key))
				}
				check(t, r.Disconnect(id))
			}
		}()
	}
	workers.Wait()
	cancel()
	keepers.Wait()
	for n := range 7 {
		want(t, r, Key("", "", fmt.Sprintf("s%d", n)), "")
	}
	st := r.Stats()
	if st.Instances != 0 || st.OwnClients != 0 || st.Clients != 0 {
		t.Fatalf("left over: %+v", st)
	}
	r.sweepServices(time.Now().Add(time.Hour))
	if st := r.Stats(); st.Services != 0 || len(r.index.names.used) != 0 {
		t.Fatalf("left over: %+v %v", st, r.index.names.used)
	}
}
