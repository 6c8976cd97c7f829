package app

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/musterhq/muster/server/registry"
)

var scale = flag.Int("scale", 20_000, "instances of TestScale")

// Many clients register at one server; one that holds them is joined by one
// that does not. It prints what that takes:
//
//	go test ./app -run Scale -v -args -scale 1000000
func TestScale(t *testing.T) {
	if testing.Short() && *scale > 20_000 {
		t.Skip("not in a short run")
	}
	n := *scale
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	a := run(t, Options{})
	before := heap()
	begin := time.Now()
	perService := 100
	for i := range n {
		id := registry.ClientID(fmt.Sprintf("1795301530684_10.%d.%d.%d_44656", i>>16, i>>8&255, i&255))
		if err := a.reg.Connect(id, registry.ClientInfo{IP: "10.0.0.1", Port: 44656, Version: "Nacos-Go-Client:v2.3.5", Type: "GRPC"}); err != nil {
			t.Fatal(err)
		}
		key := registry.Key("", "", fmt.Sprintf("com.example.service-%d", i/perService))
		err := a.reg.Register(id, key, []registry.Instance{{
			IP: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), Port: 8080, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true,
			Meta: registry.NewMetadata(map[string]string{"version": "1.4.2", "zone": "a"}, ""),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begin)
	one := heap()
	t.Logf("%d registrations: %.0f a second, %d bytes each at their server", n, float64(n)/took.Seconds(), (one-before)/uint64(n))
	begin = time.Now()
	b := launch(t, Options{Join: []string{a.Addrs().Gossip}})
	deadline := time.Now().Add(patience + time.Duration(n)*100*time.Microsecond)
	for b.plane.Stats().Applied < uint64(n) || b.Ready() != nil {
		if time.Now().After(deadline) {
			t.Fatalf("the joining server has %d of %d, ready: %v", b.plane.Stats().Applied, n, b.Ready())
		}
		time.Sleep(10 * time.Millisecond) // between looks
	}
	took = time.Since(begin)
	two := heap()
	t.Logf("a joining server holds them after %v, ready after %v, %d bytes each", took.Round(time.Millisecond), took.Round(time.Millisecond), (two-one)/uint64(n))
	packets, bytes := a.node.Stats().PacketsSent, a.node.Stats().BytesSent
	begin = time.Now()
	for i := range n / 10 { // again, with another weight
		id := registry.ClientID(fmt.Sprintf("1795301530684_10.%d.%d.%d_44656", i>>16, i>>8&255, i&255))
		key := registry.Key("", "", fmt.Sprintf("com.example.service-%d", i/perService))
		err := a.reg.Register(id, key, []registry.Instance{{
			IP: fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255), Port: 8080, Weight: 2, Healthy: true, Enabled: true, Ephemeral: true,
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	last := registry.Key("", "", fmt.Sprintf("com.example.service-%d", (n/10-1)/perService))
	await(t, "the last change is there", func() bool {
		hosts := b.reg.View(last).Hosts
		return len(hosts) == perService && hosts[perService-1].Weight == 2
	})
	t.Logf("%d changes are there after %v; %d packets, %d bytes by packet", n/10, time.Since(begin).Round(time.Millisecond),
		a.node.Stats().PacketsSent-packets, a.node.Stats().BytesSent-bytes)
}
