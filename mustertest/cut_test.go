package mustertest_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// passes returns which of the links among the transports let a packet through,
// as "a>b".
func passes(t *testing.T, network *mustertest.Network, transports map[string]muster.Transport) []string {
	t.Helper()
	var links []string
	for from, tr := range transports {
		for to := range transports {
			before := network.Counters(from, to).Delivered
			if err := tr.WritePacket([]byte("x"), network.Addr(to)); err != nil {
				t.Fatal(err)
			}
			if network.Counters(from, to).Delivered > before {
				links = append(links, from+">"+to)
			}
		}
	}
	slices.Sort(links)
	return links
}

func TestCuts(t *testing.T) {
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	network.SetDefault(mustertest.Link{})
	transports := map[string]muster.Transport{}
	for _, name := range []string{"a", "b", "c"} {
		transports[name] = network.Transport(name)
	}
	const all = "a>a a>b a>c b>a b>b b>c c>a c>b c>c"
	for _, step := range []struct {
		what string
		do   func()
		want string
	}{
		{"nothing", func() {}, all},
		{"block", func() { network.Block("a", "b") }, "a>a a>c b>a b>b b>c c>a c>b c>c"},
		{"unblock", func() { network.Unblock("a", "b") }, all},
		{"block all that c sends", func() { network.Block("c", mustertest.Any) }, "a>a a>b a>c b>a b>b b>c c>c"},
		{"heal", network.Heal, all},
		{"isolate", func() { network.Isolate("a") }, "a>a b>b b>c c>b c>c"},
		{"reconnect", func() { network.Reconnect("a") }, all},
		{"one group against the rest", func() { network.Partition([]string{"a"}) }, "a>a b>b b>c c>b c>c"},
		{"another partition", func() { network.Partition([]string{"a", "b"}, []string{"c"}) }, "a>a a>b b>a b>b c>c"},
		{"a block within it", func() { network.Block("b", "a") }, "a>a a>b b>b c>c"},
		{"the end of the partition", func() { network.Partition() }, "a>a a>b a>c b>b b>c c>a c>b c>c"},
		{"block everything", func() { network.Block(mustertest.Any, mustertest.Any) }, "a>a b>b c>c"},
		{"heal again", network.Heal, all},
	} {
		step.do()
		if got := strings.Join(passes(t, network, transports), " "); got != step.want {
			t.Errorf("%s: %s, want %s", step.what, got, step.want)
		}
	}
}

// What is under way when the cut is made does not arrive.
func TestCutTakesWhatIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Delay: 1100 * time.Millisecond})
		a, b := network.Transport("a"), receive(t, network.Transport("b"))
		send(t, a, network.Addr("b"), 0, 10, 4, 250*time.Millisecond)
		network.Isolate("b")
		time.Sleep(time.Minute)
		if got := b.end(t); len(got) != 6 {
			t.Errorf("%d of 10 arrived, want those sent in the first 1.4 s", len(got))
		}
		if c := network.Counters("a", "b"); c.Lost != 4 {
			t.Errorf("%+v", c)
		}
	})
}

func TestAddresses(t *testing.T) {
	network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
	if got := network.Addr("later").String(); got != "10.0.0.1:7946" {
		t.Errorf("the first name is at %s", got)
	}
	a := network.Transport("a")
	if a.Addr() != network.Addr("a") || a.Addr().String() != "10.0.0.2:7946" || network.Name(a.Addr()) != "a" {
		t.Errorf("a is at %v, named %q", a.Addr(), network.Name(a.Addr()))
	}
	own, err := network.Listen("10.0.0.3:7946")
	if err != nil {
		t.Fatal(err)
	}
	if b := network.Transport("b"); b.Addr() == own.Addr() {
		t.Errorf("two transports at %v", b.Addr())
	}
	network.Block("a", "10.0.0.3:7946") // an address is a name
	for _, bind := range []string{"10.0.0.3:0", "[fd00::1]:7946"} {
		tr, err := network.Listen(bind)
		if err != nil || tr.Addr().Port() == 0 {
			t.Errorf("listen at %s: %v", bind, err)
		}
	}
	for _, bind := range []string{"10.0.0.3:7946", "0.0.0.0:7946", "a", ""} {
		if _, err := network.Listen(bind); err == nil {
			t.Errorf("listened at %q", bind)
		}
	}
	for what, f := range map[string]func(){
		"a cut of nobody": func() { network.Block("a", "nobody") }, "a name twice": func() { network.Transport("a") },
		"no name": func() { network.Addr("") }, "a wildcard": func() { network.Transport(mustertest.Any) },
	} {
		if !panics(f) {
			t.Errorf("%s did not panic", what)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if again := network.Transport("a"); again.Addr() != a.Addr() {
		t.Errorf("restarted at %v", again.Addr())
	}
	if err := a.WritePacket([]byte("x"), own.Addr()); err == nil {
		t.Error("the closed one sends still")
	}
}

func panics(f func()) (yes bool) {
	defer func() { yes = recover() != nil }()
	f()
	return false
}
