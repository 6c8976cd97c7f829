package ephemeral

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

const grace = 6 * time.Second

// server is a node, a registry and the plane between them: all that a server
// is in this package's eyes.
type server struct {
	t     *testing.T
	net   *mustertest.Network
	name  string
	size  int // of the cluster, by which it is decided who is cut off
	life  uint64
	fresh bool

	node  *muster.Node
	reg   *registry.Registry
	plane *Plane
	stop  func()
	alive sync.Map // names of the servers seen
}

// meta is a life, as package app says it in a server's metadata.
func meta(life uint64) []byte { return fmt.Appendf(nil, "%d", life) }

func (s *server) start() *server {
	t := s.t
	t.Helper()
	s.life++
	s.node = mustertest.Start(t, s.net, s.name, func(c *muster.Config) {
		c.Meta = meta(s.life)
		c.Logger = slog.New(slog.DiscardHandler)
		c.GossipToTheDead = 3 * time.Minute
		if s.name != "a" {
			c.Seeds = []string{s.net.Addr("a").String()}
		} else {
			c.Seeds = []string{s.net.Addr("b").String()}
		}
	})
	s.reg = registry.New(registry.Options{Self: s.name, Grace: grace})
	s.alive.Clear()
	s.alive.Store(s.name, true)
	var err error
	s.plane, err = New(Options{
		Node: s.node, Registry: s.reg, Life: s.life, Fresh: s.fresh && s.life == 1, Settle: 10 * time.Second,
		Minority: func() bool { return 2*s.sees() < s.size },
	})
	if err != nil {
		t.Fatal(err)
	}
	s.reg.Use(s.plane, &registrytest.Direct{Registry: s.reg})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.plane.Run(ctx) })
	wg.Go(func() { s.reg.Run(ctx) })
	wg.Go(func() { s.follow(ctx) })
	s.stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(s.stop)
	return s
}

func (s *server) sees() (n int) {
	s.alive.Range(func(any, any) bool { n++; return true })
	return n
}

func (s *server) follow(ctx context.Context) {
	for e := range s.node.Watch(ctx) {
		name := e.Member.Name
		if e.Kind.Gone() {
			s.alive.Delete(name)
			s.plane.ServerDown(name, e.Kind == muster.MemberLeft)
			continue
		}
		var life uint64
		if _, err := fmt.Sscan(string(e.Member.Meta), &life); err != nil {
			s.t.Errorf("metadata of %s: %v", name, err)
		}
		s.alive.Store(name, true)
		s.plane.ServerUp(name, life)
	}
}

// kill ends the server without a word.
func (s *server) kill() {
	s.t.Helper()
	s.stop()
	if err := s.node.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) connect(id registry.ClientID) {
	s.t.Helper()
	if err := s.reg.Connect(id, registry.ClientInfo{}); err != nil {
		s.t.Fatal(err)
	}
}

var demo = registry.Key("", "", "demo")

func instance(ip string) registry.Instance {
	return registry.Instance{IP: ip, Port: 80, Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}
}

func (s *server) register(id registry.ClientID, key registry.ServiceKey, ips ...string) {
	s.t.Helper()
	var list []registry.Instance
	for _, ip := range ips {
		list = append(list, instance(ip))
	}
	if err := s.reg.Register(id, key, list); err != nil {
		s.t.Fatal(err)
	}
}

// lists returns the addresses a service has here.
func (s *server) lists(key registry.ServiceKey) string {
	var ips []string
	for _, h := range s.reg.View(key).Hosts {
		ips = append(ips, h.IP)
	}
	slices.Sort(ips)
	return strings.Join(ips, " ")
}

// cluster starts servers and waits until they know each other.
func cluster(t *testing.T, names ...string) []*server {
	t.Helper()
	net := mustertest.NewNetwork(mustertest.Options{})
	var all []*server
	for _, n := range names {
		all = append(all, (&server{t: t, net: net, name: n, size: len(names), fresh: true}).start())
	}
	nodes := make([]*muster.Node, len(all))
	for i, s := range all {
		nodes[i] = s.node
	}
	mustertest.AwaitMembers(t, nodes...)
	for _, s := range all {
		s.reg.Ready(0)
	}
	return all
}

// want waits until the servers list the addresses, within the time given.
func want(t *testing.T, within time.Duration, ips string, all ...*server) {
	t.Helper()
	deadline := time.Now().Add(within)
	for _, s := range all {
		for s.lists(demo) != ips {
			if time.Now().After(deadline) {
				t.Fatalf("%s lists %q, want %q", s.name, s.lists(demo), ips)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// keep checks, for a while, that the servers list the addresses without a gap.
func keep(t *testing.T, d time.Duration, ips string, all ...*server) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, s := range all {
			for ip := range strings.FieldsSeq(ips) {
				if !slices.Contains(strings.Fields(s.lists(demo)), ip) {
					t.Fatalf("%s lists %q, without %s", s.name, s.lists(demo), ip)
				}
			}
		}
	}
}

func TestSpreads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		a, b := all[0], all[1]
		a.connect("1")
		b.connect("2")
		a.register("1", demo, "10.0.0.1")
		b.register("2", demo, "10.0.0.2", "10.0.0.3")
		want(t, time.Second, "10.0.0.1 10.0.0.2 10.0.0.3", all...)
		b.register("2", demo, "10.0.0.3") // replaces the batch
		want(t, time.Second, "10.0.0.1 10.0.0.3", all...)
		if err := a.reg.Deregister("1", demo); err != nil {
			t.Fatal(err)
		}
		want(t, time.Second, "10.0.0.3", all...)
		if err := b.reg.Disconnect("2"); err != nil {
			t.Fatal(err)
		}
		want(t, time.Second, "", all...)
		for _, s := range all {
			if n := s.plane.Stats().Rejected; n > 0 {
				t.Errorf("%s has rejected %d records", s.name, n)
			}
		}
	})
}

// A registration costs a fraction of a packet when there are many.
func TestManyShareAPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		const n = 2000
		before := all[0].node.Stats()
		for i := range n {
			id := registry.ClientID(fmt.Sprintf("%d", i))
			all[0].connect(id)
			all[0].register(id, demo, fmt.Sprintf("10.1.%d.%d", i/250, i%250))
		}
		deadline := time.Now().Add(10 * time.Second)
		for _, s := range all {
			for len(s.reg.View(demo).Hosts) < n {
				if time.Now().After(deadline) {
					t.Fatalf("%s has %d of %d", s.name, len(s.reg.View(demo).Hosts), n)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		after := all[0].node.Stats()
		if p := after.PacketsSent - before.PacketsSent; p > n/4 {
			t.Errorf("%d registrations cost %d packets", n, p)
		}
	})
}

// The clients of a server that dies stay listed while they connect elsewhere.
func TestClientsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		a, b, c := all[0], all[1], all[2]
		for _, id := range []registry.ClientID{"1", "2"} {
			a.connect(id)
		}
		a.register("1", demo, "10.0.0.1")
		a.register("2", demo, "10.0.0.2") // dies with the server
		want(t, time.Second, "10.0.0.1 10.0.0.2", b, c)
		a.kill()
		keep(t, 2*time.Second, "10.0.0.1 10.0.0.2", b, c)
		c.connect("1b")
		c.register("1b", demo, "10.0.0.1")
		keep(t, 30*time.Second, "10.0.0.1", b, c)
		want(t, 0, "10.0.0.1", b, c)
	})
}

// A server that comes back at once with an empty map has not deregistered the
// clients of its former life.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		a, b, c := all[0], all[1], all[2]
		a.connect("1")
		a.register("1", demo, "10.0.0.1")
		a.connect("2")
		a.register("2", demo, "10.0.0.2")
		want(t, time.Second, "10.0.0.1 10.0.0.2", b, c)
		a.kill()
		keep(t, 500*time.Millisecond, "10.0.0.1 10.0.0.2", b, c)
		a.start()
		keep(t, 3*time.Second, "10.0.0.1 10.0.0.2", b, c)
		a.connect("1'")
		a.register("1'", demo, "10.0.0.1")
		keep(t, 20*time.Second, "10.0.0.1", b, c)
		want(t, 0, "10.0.0.1", a, b, c) // the other one has not come back
	})
}

// A server that is cut off keeps what it has; the others, who are more, drop
// what it holds; and when it is back all agree, also on what has ended meanwhile.
func TestCutOff(t *testing.T) {
	for _, cut := range []time.Duration{3 * time.Second, time.Minute, 10 * time.Minute} {
		t.Run(cut.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := cluster(t, "a", "b", "c")
				a, b, c := all[0], all[1], all[2]
				for i, s := range all {
					for _, k := range []string{"0", "9"} {
						id := registry.ClientID(s.name + k)
						s.connect(id)
						s.register(id, demo, fmt.Sprintf("10.0.%s.%d", k, i+1))
					}
				}
				want(t, time.Second, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.9.1 10.0.9.2 10.0.9.3", all...)
				a.net.Isolate("a")
				if err := a.reg.Disconnect("a9"); err != nil {
					t.Fatal(err)
				}
				if err := b.reg.Disconnect("b9"); err != nil {
					t.Fatal(err)
				}
				keep(t, cut, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.9.3", a)
				if cut > 30*time.Second {
					want(t, 0, "10.0.0.2 10.0.0.3 10.0.9.3", b, c)
				}
				a.net.Heal()
				want(t, 30*time.Second, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.9.3", all...)
				keep(t, 30*time.Second, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.9.3", all...)
				want(t, 0, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.9.3", all...)
			})
		})
	}
}

// A server that leaves is not waited for, however few are left.
func TestLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		a, b, c := all[0], all[1], all[2]
		for i, s := range all {
			s.connect("1")
			s.register("1", demo, fmt.Sprintf("10.0.0.%d", i+1))
		}
		want(t, time.Second, "10.0.0.1 10.0.0.2 10.0.0.3", all...)
		for _, s := range []*server{b, c} {
			s.plane.Freeze()
			if err := s.reg.Disconnect("1"); err != nil {
				t.Fatal(err)
			}
			if err := s.node.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.kill()
		}
		keep(t, grace-time.Second, "10.0.0.1 10.0.0.2 10.0.0.3", a)
		want(t, 3*time.Second, "10.0.0.1", a)
	})
}

// A batch that is larger than a record is there as a whole or not at all.
func TestLargeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b")
		a, b := all[0], all[1]
		a.connect("1")
		big := func(n int, note string) {
			t.Helper()
			list := make([]registry.Instance, n)
			for i := range list {
				list[i] = instance(fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
				list[i].Meta = registry.NewMetadata(map[string]string{"note": note, "n": fmt.Sprint(i)}, "")
			}
			if err := a.reg.Register("1", demo, list); err != nil {
				t.Fatal(err)
			}
		}
		count := func(n int, note string) {
			t.Helper()
			deadline := time.Now().Add(time.Minute)
			for {
				hosts := b.reg.View(demo).Hosts
				if len(hosts) == n && hosts[0].Meta.Get("note") == note && hosts[n-1].Meta.Get("note") == note {
					return
				}
				for i := 0; i < len(hosts); i += 997 {
					if hosts[i].Meta.Get("note") != hosts[0].Meta.Get("note") {
						t.Fatal("parts of two batches are mixed")
					}
				}
				if time.Now().After(deadline) {
					t.Fatalf("b has %d instances, want %d", len(hosts), n)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		big(40_000, strings.Repeat("x", 60))
		count(40_000, strings.Repeat("x", 60))
		big(30_000, strings.Repeat("y", 60))
		count(30_000, strings.Repeat("y", 60))
		big(3, "small")
		count(3, "small")
		if n := len(a.node.Records().List("a", string(keyPublication))); n != 1 {
			t.Errorf("a batch of 3 leaves %d records", n)
		}
		if err := a.reg.Disconnect("1"); err != nil {
			t.Fatal(err)
		}
		want(t, time.Second, "", b)
	})
}

// Sync returns when the newcomer knows all that a peer knew.
func TestSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b")
		a := all[0]
		const n = 20_000
		for i := range n {
			id := registry.ClientID(fmt.Sprint(i))
			a.connect(id)
			a.register(id, demo, fmt.Sprintf("10.1.%d.%d", i/250, i%250))
		}
		c := (&server{t: t, net: a.net, name: "c", size: 3, fresh: true}).start()
		for len(c.node.Members()) < 3 {
			time.Sleep(time.Millisecond)
		}
		settle, err := c.plane.Sync(t.Context(), func() []string { return []string{"a", "b", "c"} })
		if err != nil {
			t.Fatal(err)
		}
		if got := len(c.reg.View(demo).Hosts); got != n {
			t.Errorf("c has %d of %d when it says that it knows all", got, n)
		}
		if settle != 0 {
			t.Errorf("settles for %v though its peers have known all along", settle)
		}
	})
}

// Whether clients of an earlier life may be on their way.
func TestSettle(t *testing.T) {
	for _, tt := range []struct {
		name      string
		restarted bool // all servers had a life before
		verified  bool // the peer has known all along
		want      time.Duration
	}{
		{"a new cluster", false, false, 0},
		{"a full restart", true, false, 10 * time.Second},
		{"a peer lives", true, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				net := mustertest.NewNetwork(mustertest.Options{})
				var all []*server
				for _, name := range []string{"a", "b"} {
					all = append(all, (&server{t: t, net: net, name: name, size: 2, fresh: !tt.restarted}).start())
				}
				mustertest.AwaitMembers(t, all[0].node, all[1].node)
				if tt.verified {
					all[0].reg.Ready(0)
				}
				settle, err := all[1].plane.Sync(t.Context(), func() []string { return []string{"a"} })
				if err != nil {
					t.Fatal(err)
				}
				if settle != tt.want {
					t.Errorf("settles for %v, want %v", settle, tt.want)
				}
			})
		})
	}
}

// A server that begins anew among others that live does not know of the clients
// of its former life, which are on their way: it settles while the others list
// them, and not at all if there were none.
func TestSettleForOwnClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b", "c")
		a, b, c := all[0], all[1], all[2]
		b.reg.Ready(0)
		c.reg.Ready(0)
		sync := func() time.Duration {
			t.Helper()
			settle, err := a.plane.Sync(t.Context(), func() []string { return []string{"b", "c"} })
			if err != nil {
				t.Fatal(err)
			}
			return settle
		}
		a.kill()
		a.start()
		if settle := sync(); settle != 0 {
			t.Errorf("settles for %v for no clients", settle)
		}
		a.connect("1")
		a.register("1", demo, "10.0.0.1")
		want(t, time.Second, "10.0.0.1", b, c)
		a.kill()
		a.start()
		began := time.Now()
		settle := sync()
		if settle < grace/2 || settle > grace {
			t.Errorf("settles for %v, want about %v", settle, grace)
		}
		keep(t, time.Until(began.Add(settle-time.Second)), "10.0.0.1", b, c)
		want(t, 2*time.Second, "", b, c)
	})
}

// A peer that cannot be reached holds Sync up as long as it is held for alive,
// and no longer.
func TestSyncWaitsForThoseWhoAreThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := cluster(t, "a", "b")
		all[0].net.Isolate("a")
		begin := time.Now()
		settle, err := all[1].plane.Sync(t.Context(), func() []string {
			if time.Since(begin) > 20*time.Second {
				return nil
			}
			return []string{"a"}
		})
		if took := time.Since(begin); err != nil || took < 20*time.Second || took > 25*time.Second {
			t.Errorf("took %v, settle %v, err %v", took, settle, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if _, err := all[1].plane.Sync(ctx, func() []string { return []string{"a"} }); err == nil {
			t.Error("no error at the end of the context")
		}
	})
}

// What is still on its way of a life before the last means nothing, and neither
// does what load has seen already.
func TestLateEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := cluster(t, "a", "b")[0]
		event := func(life uint64, version uint64, ip string) *muster.RecordEvent {
			pub := registry.Publication{Instances: []registry.Instance{instance(ip)}, Stamp: 1}
			e := &muster.RecordEvent{}
			e.Owner, e.Key, e.Version = "x", appendKey(nil, "1", demo, 0), version
			e.Value = pub.Append(appendHeader(nil, life, 1, 0))
			return e
		}
		say := func(e *muster.RecordEvent, want string) {
			t.Helper()
			a.plane.mu.Lock()
			a.plane.publicationChanged(e)
			a.plane.mu.Unlock()
			if got := a.lists(demo); got != want {
				t.Errorf("lists %q, want %q", got, want)
			}
		}
		say(event(7, 1, "10.0.0.1"), "10.0.0.1")
		say(event(6, 9, "10.0.0.2"), "10.0.0.1")
		say(event(7, 2, "10.0.0.3"), "10.0.0.3")
		a.plane.owners["x"].version, a.plane.owners["x"].versionOf = 5, 7
		say(event(7, 5, "10.0.0.4"), "10.0.0.3")
		say(event(7, 6, "10.0.0.5"), "10.0.0.5")
		say(event(8, 1, "10.0.0.6"), "10.0.0.6")
		e := event(9, 1, "")
		e.Value = []byte{99}
		say(e, "10.0.0.6")
		e.Key = "p"
		say(e, "10.0.0.6")
		if n := a.plane.Stats().Rejected; n != 2 {
			t.Errorf("%d rejected", n)
		}
	})
}
