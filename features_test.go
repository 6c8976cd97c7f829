package muster

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

func TestEncryptedLabelledClusterAndKeyRotation(t *testing.T) {
	t.Parallel()
	rings := []*wire.Keyring{ring(t, 1), ring(t, 1), ring(t, 1)}
	nodes := cluster(t, 3, func(i int, c *Config) { c.Keyring, c.Label = rings[i], "dc1" })
	key := bytes.Repeat([]byte{2}, 16)
	for _, step := range []func(*wire.Keyring) error{
		func(k *wire.Keyring) error { return k.Add(key) },
		func(k *wire.Keyring) error { return k.Use(key) },
		func(k *wire.Keyring) error { return k.Remove(bytes.Repeat([]byte{1}, 32)) },
	} {
		for _, k := range rings {
			if err := step(k); err != nil {
				t.Fatal(err)
			}
		}
		if err := nodes[0].Send(ctx(t), "n2", []byte("x")); err != nil {
			t.Fatal(err)
		}
		meta := []byte(time.Now().String())
		if err := nodes[1].SetMeta(meta); err != nil {
			t.Fatal(err)
		}
		await(t, nodes[2], "the new metadata", func() bool { m, _ := nodes[2].Member("n1"); return bytes.Equal(m.Meta, meta) })
	}
	for name, change := range map[string]func(*Config){
		"plaintext":     func(c *Config) { c.Label = "dc1" },
		"another label": func(c *Config) { c.Label, c.Keyring = "dc2", rings[0] },
		"another key":   func(c *Config) { c.Label, c.Keyring = "dc1", ring(t, 9) },
	} {
		cfg := quiet(t, name)
		change(&cfg)
		if n, err := startNode(t, cfg).Join(ctx(t), nodes[0].Local().Addr.String()); err == nil || n != 0 {
			t.Errorf("%s: joined %d, %v", name, n, err)
		}
	}
}

func TestVetoes(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, func(i int, c *Config) {
		c.VetAlive = func(m Member) error {
			if m.Name == "unwanted" {
				return errors.New("not you")
			}
			return nil
		}
	})
	unwanted := startNode(t, quiet(t, "unwanted"))
	if _, err := unwanted.Join(ctx(t), nodes[0].Local().Addr.String()); err != nil {
		t.Fatal(err)
	}
	poll(t, "refusing the unwanted one", func() bool { return nodes[0].Stats().Refused > 0 })
	if _, ok := nodes[0].Member("unwanted"); ok {
		t.Error("the unwanted member was accepted")
	}

	cfg := quiet(t, "picky")
	cfg.VetMerge = func([]Member) error { return errors.New("no merge") }
	picky := startNode(t, cfg)
	if n, err := picky.Join(ctx(t), nodes[0].Local().Addr.String()); n != 0 || err == nil || !strings.Contains(err.Error(), "no merge") {
		t.Errorf("join against a veto: %d, %v", n, err)
	}
}

func TestApplicationBroadcastsAndPings(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	queued := [][]byte{[]byte("one"), []byte("two")}
	got, pings := map[string]bool{}, map[string]bool{}
	done := make(chan struct{})
	nodes := cluster(t, 2, func(i int, c *Config) {
		c.OnMessage = func(m Message) {
			mu.Lock()
			defer mu.Unlock()
			if got[string(m.Payload)] = true; len(got) == 2 {
				close(done)
			}
		}
		if i == 0 {
			c.Broadcasts = func(limit int) [][]byte {
				mu.Lock()
				defer mu.Unlock()
				if limit < 1000 || len(queued) == 0 {
					return nil
				}
				out := queued
				queued = nil
				return out
			}
		}
		c.OnPing = func(m Member, rtt time.Duration, payload []byte) {
			mu.Lock()
			defer mu.Unlock()
			if rtt > 0 {
				pings[m.Name+":"+string(payload)] = true
			}
		}
	})
	if err := nodes[1].SetAckPayload([]byte("coordinate")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-ctx(t).Done():
		t.Fatalf("broadcasts missing: %v", got)
	}
	poll(t, "a ping with n1's payload", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return pings["n1:coordinate"]
	})
}

func TestIPv6DualStackAndHostNames(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := quiet(t, "six")
	cfg.Bind = "[::1]:0"
	six := startNode(t, cfg)
	cfg = quiet(t, "dual")
	cfg.Bind, cfg.Advertise = "[::]:0", "127.0.0.1"
	dual := startNode(t, cfg)
	four := startNode(t, quiet(t, "four"))
	if _, err := dual.Join(ctx(t), six.Local().Addr.String()); err != nil {
		t.Fatal(err)
	}
	seed := net.JoinHostPort("localhost", portOf(dual.Local().Addr))
	if _, err := four.Join(ctx(t), seed); err != nil {
		t.Fatal(err)
	}
	// four and six cannot reach each other; that is not what is tested here.
	await(t, dual, "both others", func() bool { return len(dual.Members()) == 3 })
}

func portOf(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

func TestSeedsAreTriedUntilTheyAnswer(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := quiet(t, "early")
	cfg.Seeds = []string{seed}
	early := startNode(t, cfg)
	poll(t, "a failed attempt", func() bool { return early.Stats().Stats.Alive == 1 })
	cfg = quiet(t, "seed")
	cfg.Bind = seed
	startNode(t, cfg)
	await(t, early, "the seed", func() bool { return len(early.Members()) == 2 })
}

func TestRejoinAfterLeave(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 3, nil)
	for range 2 {
		if err := nodes[2].Leave(ctx(t)); err != nil {
			t.Fatal(err)
		}
		await(t, nodes[0], "the leave", func() bool { m, _ := nodes[0].Member("n2"); return m.State == Left })
		if _, err := nodes[2].Join(ctx(t), nodes[1].Local().Addr.String()); err != nil {
			t.Fatal(err)
		}
		await(t, nodes[0], "the return", func() bool { m, _ := nodes[0].Member("n2"); return m.State == Alive })
	}
}

func TestClosedNode(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	n := nodes[1]
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if got := len(n.Members()); got != 2 {
		t.Errorf("%d members after close, want what was last known", got)
	}
	_, joinErr := n.Join(context.Background(), nodes[0].Local().Addr.String())
	for what, err := range map[string]error{
		"Broadcast": n.Broadcast(nil), "SetMeta": n.SetMeta(nil), "Leave": n.Leave(context.Background()),
		"Send": n.Send(context.Background(), "n0", nil), "SendPacket": n.SendPacket("n0", nil), "Join": joinErr,
	} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("%s on a closed node: %v", what, err)
		}
	}
	for range n.Watch(context.Background()) {
		t.Error("a closed node yields events")
	}
}

// A node costs three goroutines, and none after Close. Not parallel: it counts
// what the process has.
func TestGoroutines(t *testing.T) {
	before := runtime.NumGoroutine()
	nodes := make([]*Node, 20)
	for i := range nodes {
		cfg := quiet(t, "g"+string(rune('a'+i)))
		n, err := Start(cfg)
		if err != nil {
			t.Fatal(err)
		}
		nodes[i] = n
		if i > 0 {
			if _, err := n.Join(ctx(t), nodes[0].Local().Addr.String()); err != nil {
				t.Fatal(err)
			}
		}
	}
	poll(t, "at most 4 goroutines per node", func() bool { return runtime.NumGoroutine()-before <= 4*len(nodes) })
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	poll(t, "no goroutine after Close", func() bool { return runtime.NumGoroutine() <= before })
}

func TestValidateReportsEveryFault(t *testing.T) {
	cfg := LAN()
	cfg.Label = strings.Repeat("l", 256)
	cfg.Meta = make([]byte, MetaMax+1)
	cfg.ProbeTimeout = 2 * cfg.ProbeInterval
	cfg.Advertise = "host:port:extra"
	cfg.RetransmitMult = 0
	err := cfg.Validate()
	for _, want := range []string{"label", "metadata", "probe timeout", "advertise", "retransmit"} {
		if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, ErrConfig) {
			t.Errorf("%q is not reported in: %v", want, err)
		}
	}
	if err := LAN().Validate(); err != nil {
		t.Error(err)
	}
}

func TestFoldEvents(t *testing.T) {
	e := func(kind EventKind, name string, inc uint32) Event {
		return Event{Kind: kind, Member: Member{Name: name, Incarnation: inc}}
	}
	in := []Event{
		e(MemberJoined, "new", 1), e(MemberUpdated, "new", 2),
		e(MemberJoined, "passing", 1), e(MemberFailed, "passing", 1),
		e(MemberUpdated, "old", 2), e(MemberSuspected, "old", 2), e(MemberRecovered, "old", 3),
		e(MemberFailed, "back", 1), e(MemberJoined, "back", 2), e(MemberSuspected, "back", 2),
		e(MemberFailed, "gone", 1), e(MemberJoined, "gone", 2), e(MemberFailed, "gone", 2),
		e(MemberConflict, "old", 9),
	}
	want := []Event{
		e(MemberJoined, "new", 2), e(MemberUpdated, "old", 3), e(MemberFailed, "back", 1), e(MemberJoined, "back", 2), e(MemberFailed, "gone", 2),
	}
	for round := range 2 { // folding what is folded changes nothing
		got := foldEvents(in)
		if len(got) != len(want) {
			t.Fatalf("round %d: %+v", round, got)
		}
		for i := range got {
			if got[i].Kind != want[i].Kind || got[i].Member.Name != want[i].Member.Name || got[i].Member.Incarnation != want[i].Member.Incarnation {
				t.Errorf("round %d: event %d is %v %s@%d, want %v %s@%d", round, i, got[i].Kind, got[i].Member.Name, got[i].Member.Incarnation, want[i].Kind, want[i].Member.Name, want[i].Member.Incarnation)
			}
		}
		in = got
	}
}
