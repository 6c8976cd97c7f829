package registry

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// fill registers n instances, ten in each service, of clients that have as
// many services as those of a benchmark of Nacos.
func fill(t testing.TB, r *Registry, n int) {
	const clients, perService = 100, 10
	for c := range clients {
		check(t, r.Connect(ClientID(fmt.Sprintf("1795301530684_10.0.0.%d_50000", c)), ClientInfo{}))
	}
	for i := range n {
		s, c := i/perService, i%clients
		key := Key("", "", "com.example.shop.Service"+strconv.Itoa(s))
		in := inst("10."+strconv.Itoa(i>>16&255)+"."+strconv.Itoa(i>>8&255)+"."+strconv.Itoa(i&255), 8080)
		in.Meta = NewMetadata(map[string]string{"version": "1.0.0", "zone": "z" + strconv.Itoa(i%3)}, "")
		check(t, r.Register(ClientID(fmt.Sprintf("1795301530684_10.0.0.%d_50000", c)), key, []Instance{in}))
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Bytes per instance. MUSTER_INSTANCES=1000000 for the full size.
func TestBytesPerInstance(t *testing.T) {
	n := 50_000
	if v, err := strconv.Atoi(os.Getenv("MUSTER_INSTANCES")); err == nil {
		n = v
	}
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	before := heap()
	begin := time.Now()
	fill(t, r, n)
	took := time.Since(begin)
	registered := heap()
	for _, s := range r.Services(DefaultNamespace) {
		s.View()
	}
	viewed := heap()
	per := (registered - before) / uint64(n)
	t.Logf("%d instances: %d bytes each, %d with views; %.0f registrations/s", n, per, (viewed-before)/uint64(n), float64(n)/took.Seconds())
	if per > 320 {
		t.Errorf("%d bytes per instance", per)
	}
	runtime.KeepAlive(r)
}

// nothing is an Ephemeral that forgets.
type nothing struct{}

func (nothing) Put(ClientID, ServiceKey, Publication) error { return nil }
func (nothing) Remove(ClientID, ServiceKey) error           { return nil }
func (nothing) DropClient(ClientID, []ServiceKey) error     { return nil }

func BenchmarkRegister(b *testing.B) {
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	fill(b, r, 10_000)
	id := ClientID("1795301530684_10.0.0.0_50000")
	key := Key("", "", "com.example.shop.Service0")
	for b.Loop() {
		check(b, r.Register(id, key, []Instance{inst("10.0.0.1", 8080)}))
	}
}

// A service with many instances that changes all the time.
func BenchmarkRegisterInLargeService(b *testing.B) {
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	for n := range 10_000 {
		id := ClientID(strconv.Itoa(n))
		check(b, r.Connect(id, ClientInfo{}))
		check(b, r.Register(id, demo, []Instance{inst("10.0.0.1", uint16(n))}))
	}
	n := 0
	for b.Loop() {
		n++
		check(b, r.Register(ClientID(strconv.Itoa(n%10_000)), demo, []Instance{inst("10.0.0.1", uint16(n%10_000))}))
	}
}

func BenchmarkViewOfLargeService(b *testing.B) {
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	for n := range 10_000 {
		id := ClientID(strconv.Itoa(n))
		check(b, r.Connect(id, ClientInfo{}))
		check(b, r.Register(id, demo, []Instance{inst("10.0.0.1", uint16(n))}))
	}
	s, _ := r.Lookup(demo)
	for b.Loop() {
		s.view.Store(nil)
		if len(s.View().Hosts) != 10_000 {
			b.Fatal("instances are missing")
		}
	}
}

func BenchmarkView(b *testing.B) {
	r := New(Options{Self: "self"})
	r.Use(nothing{}, &direct{r: r})
	r.Ready(0)
	fill(b, r, 10_000)
	key := Key("", "", "com.example.shop.Service7")
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.View(key)
		}
	})
}

// BenchmarkApplyPersistent: what each server does with a persistent
// registration that the servers have agreed on. Ten instances to a service;
// their metadata is the same, or another for each.
func BenchmarkApplyPersistent(b *testing.B) {
	for _, share := range []bool{true, false} {
		name := map[bool]string{true: "shared", false: "own"}[share]
		b.Run(name, func(b *testing.B) {
			r := New(Options{})
			const count = 100_000
			commands := make([][]byte, count)
			for n := range commands {
				meta := map[string]string{"version": "1.4.2", "zone": "a", "preserved.register.source": "SPRING_CLOUD", "commit": "8f14e45fcee"}
				if !share {
					meta["commit"] = fmt.Sprint(n)
				}
				i := Instance{
					IP: fmt.Sprintf("10.0.%d.%d", n>>8&255, n&255), Port: 8080, Cluster: DefaultCluster, Weight: 1, Healthy: true, Enabled: true,
					Meta: NewMetadata(meta, ""),
				}
				key := Key("", "", fmt.Sprintf("com.example.service-%d", n/10))
				commands[n] = appendInstance(appendKey(r.command(opPutInstance), key), &i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				if err := resultError(r.Apply(uint64(n+1), commands[n%count])); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
