package record

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// events collects what a node tells its application of one owner.
func (c *cluster) events(of *node) *[]string {
	var out []string
	c.observe = func(n *node, rd *Ready) {
		for _, e := range rd.Events {
			if n == of {
				out = append(out, fmt.Sprintf("%s %s/%s %q was %q", e.Kind, e.Owner, e.Key, e.Value, e.Old))
			}
		}
	}
	return &out
}

func mustEqual(t *testing.T, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}

func TestEvents(t *testing.T) {
	c, a, b, _ := trio(t, 41)
	seen := c.events(b)
	a.set("x", "1")
	c.settle(time.Second)
	a.set("x", "1") // no change
	a.set("x", "2")
	c.settle(time.Second)
	a.del("x")
	a.del("x")
	b.set("own", "v")
	c.settle(time.Second)
	c.part(a)
	b.Forget(c.time(), "a")
	b.act()
	mustEqual(t, *seen, `set a/x "1" was ""`, `set a/x "2" was "1"`, `set b/own "v" was ""`, `delete a/x "" was "2"`)
	if _, v := b.Version("a"); v != 0 || b.Core.byName["a"] != nil {
		t.Error("a is not forgotten")
	}
}

// Forgetting an owner takes its keys away, one event each, and its memory.
func TestForget(t *testing.T) {
	c, a, b, _ := trio(t, 42)
	a.set("x", "1")
	a.set("y", "2")
	c.settle(time.Second)
	before := b.Stats()
	seen := c.events(b)
	b.PeerDown(c.time(), "a")
	if b.get("a", "x") != "1" {
		t.Error("the records of a member that is down cannot be read")
	}
	b.Forget(c.time(), "a")
	b.act()
	mustEqual(t, *seen, `delete a/x "" was "1"`, `delete a/y "" was "2"`)
	if s := b.Stats(); s.Bytes >= before.Bytes || s.Keys != 0 || s.Owners != 2 {
		t.Errorf("%+v", s)
	}
	if err := b.Check(); err != nil {
		t.Error(err)
	}
}

// A new process under an old name replaces what the old one had, in one step:
// a key that both have with the same value never vanishes.
func TestRestartReplacesTheFormerSelf(t *testing.T) {
	c, a, b, d := trio(t, 43)
	a.set("same", "1")
	a.set("other", "old")
	a.set("gone", "x")
	c.settle(time.Second)
	c.part(a)
	a.down = true
	c.run(2*time.Second, nil)
	seen := c.events(b)
	a.boot()
	a.set("same", "1")
	a.set("other", "new")
	c.meet(a, b)
	c.meet(a, d)
	c.settle(5 * time.Second)
	mustEqual(t, *seen, `delete a/gone "" was "x"`, `set a/other "new" was "old"`)
}

// A new process with nothing to say takes away what the former one said.
func TestRestartWithNothing(t *testing.T) {
	c, a, b, d := trio(t, 44)
	a.set("x", "1")
	c.settle(time.Second)
	c.part(a)
	a.boot()
	c.meet(a, b)
	c.meet(a, d)
	c.settle(5 * time.Second)
	if b.get("a", "x") != "-" || d.get("a", "x") != "-" {
		t.Error("the former self's key is still there")
	}
}

// A process whose clock went back is outbid by its former self, hears of it
// and takes a higher generation. Nothing of its own is lost.
func TestClockWentBack(t *testing.T) {
	c, a, b, d := trio(t, 45)
	for i := range 50 {
		a.set(fmt.Sprint("old", i), "x")
	}
	c.settle(2 * time.Second)
	old := a.Generation()
	c.part(a)
	c.config = func(cfg *Config) {
		if cfg.Name == "a" {
			cfg.Generation = old - uint64(time.Hour)
		}
	}
	a.boot()
	a.set("new", "1")
	c.meet(a, b)
	c.meet(a, d)
	a.set("new2", "2")
	c.settle(20 * time.Second)
	if g := a.Generation(); g != old+1 {
		t.Errorf("generation %d, the former one was %d", g, old)
	}
	if b.get("a", "new") != "1" || d.get("a", "new2") != "2" || b.get("a", "old1") != "-" {
		t.Errorf("b has %s", b.content("a"))
	}
}

// Tombstones are forgotten. A member that was away all the while must not keep
// what was deleted, nor bring it back.
func TestDeletionsAreCollectedSafely(t *testing.T) {
	c, a, b, d := trio(t, 46)
	for i := range 100 {
		a.set(fmt.Sprint("k", i), "v")
	}
	c.settle(2 * time.Second)
	c.cut = func(x, y *node) bool { return x == b || y == b }
	for i := range 99 {
		a.del(fmt.Sprint("k", i))
	}
	c.run(time.Second, nil)
	if s := d.Stats(); s.Tombstones != 99 {
		t.Fatalf("d has %d tombstones", s.Tombstones)
	}
	c.run(15*time.Minute, nil)
	for _, n := range []*node{a, d} {
		if s := n.Stats(); s.Tombstones != 0 || s.Keys != 1 {
			t.Errorf("%s still has %d tombstones and %d keys", n.name, s.Tombstones, s.Keys)
		}
	}
	a.set("after", "1")
	if b.get("a", "k5") != "v" {
		t.Fatal("b was not cut off")
	}
	seen := c.events(b)
	c.cut = nil
	c.settle(time.Minute)
	if s := b.Stats(); s.Keys != 2 || s.Resets != 1 {
		t.Errorf("b has %d keys after %d resets: %s", s.Keys, s.Resets, b.content("a"))
	}
	if len(*seen) != 100 {
		t.Errorf("%d events, want 99 deletions and a set", len(*seen))
	}
}

// A copy that is made while the owner goes on deleting and collecting.
func TestCollectionDuringATransfer(t *testing.T) {
	c := newCluster(t, 47)
	c.config = func(cfg *Config) { cfg.TombstoneAge, cfg.ChunkSize = time.Second, 1<<10 }
	a := c.add("a")
	late := c.add("late")
	for i := range 1000 {
		a.set(fmt.Sprint("k", i), strings.Repeat("v", 50))
	}
	c.meetAll()
	for i := range 900 {
		c.run(5*time.Millisecond, nil)
		a.del(fmt.Sprint("k", i))
	}
	c.settle(time.Minute)
	t.Logf("%d resets, %d entries applied", late.Stats().Resets, late.Stats().Applied)
}

func TestTimeToLive(t *testing.T) {
	c, a, b, _ := trio(t, 48)
	set := func(key string, ttl time.Duration) {
		if err := a.Set(c.time(), key, []byte("v"), ttl); err != nil {
			t.Fatal(err)
		}
		a.act()
	}
	set("short", time.Second)
	set("touched", time.Second)
	set("again", time.Second)
	set("freed", time.Second)
	set("ever", 0)
	c.settle(900 * time.Millisecond)
	_, version := a.Version("a")
	packets := c.packets
	if !a.Touch(c.time(), "touched", 5*time.Second) || !a.Touch(c.time(), "freed", 0) || a.Touch(c.time(), "none", time.Second) {
		t.Error("Touch reports the wrong keys")
	}
	set("again", 5*time.Second)
	a.act()
	if _, v := a.Version("a"); v != version || c.packets != packets {
		t.Errorf("touching took version %d after %d, and %d packets", v, version, c.packets-packets)
	}
	have := func(n *node, want ...bool) {
		t.Helper()
		for i, key := range []string{"short", "touched", "again", "freed", "ever"} {
			if got := n.get("a", key) == "v"; got != want[i] {
				t.Errorf("%s has %s: %v after %v", n.name, key, got, c.now)
			}
		}
	}
	have(b, true, true, true, true, true)
	c.run(1500*time.Millisecond, nil)
	have(b, false, true, true, true, true)
	c.run(5*time.Second, nil)
	have(b, false, false, false, true, true)
	// Only the owner counts: a copy keeps what its owner cannot delete.
	set("last", time.Second)
	c.run(300*time.Millisecond, nil)
	a.down = true
	c.run(10*time.Second, nil)
	if b.get("a", "last") != "v" {
		t.Error("a copy counted the time to live itself")
	}
	if s := a.Stats(); s.Expiries != 3 {
		t.Errorf("%d expiries", s.Expiries)
	}
}

// Many touches, sets and deletions must not make the heap of leases grow.
func TestLeasesAreBounded(t *testing.T) {
	c := newCluster(t, 49)
	a := c.add("a")
	for i := range 20_000 {
		key := fmt.Sprint(c.r.IntN(20))
		switch c.r.IntN(3) {
		case 0:
			a.del(key)
		case 1:
			a.Touch(c.time(), key, time.Duration(1+c.r.IntN(3600))*time.Second)
		default:
			if err := a.Set(c.time(), key, fmt.Append(nil, i), time.Duration(1+c.r.IntN(3600))*time.Second); err != nil {
				t.Fatal(err)
			}
		}
		a.act()
	}
	if n := len(a.own.leases.heap); n > 200 {
		t.Errorf("%d visits for 20 leases", n)
	}
	c.run(2*time.Hour, nil)
	if s := a.Stats(); s.Keys != 0 || len(a.own.leases.all) != 0 {
		t.Errorf("%d keys, %d leases outlive their time", s.Keys, len(a.own.leases.all))
	}
}

func TestLimits(t *testing.T) {
	c := newCluster(t, 50)
	c.config = func(cfg *Config) { cfg.MaxKeys, cfg.MaxBytes = 10, 10_000 }
	a := c.add("a")
	for i := range 10 {
		a.set(fmt.Sprint(i), "v")
	}
	set := func(key string, size int) error { return a.Set(c.time(), key, make([]byte, size), 0) }
	for _, bad := range []struct {
		key  string
		size int
		want error
	}{
		{"", 1, ErrKey}, {strings.Repeat("k", MaxKey+1), 1, ErrKey}, {"1", MaxValue + 1, ErrTooLarge},
		{"one more", 1, ErrFull}, {"1", 20_000, ErrFull},
	} {
		if err := set(bad.key, bad.size); !errors.Is(err, bad.want) {
			t.Errorf("key of %d, value of %d bytes: %v, want %v", len(bad.key), bad.size, err, bad.want)
		}
	}
	if err := set("1", 5000); err != nil {
		t.Error(err)
	}
	a.del("1")
	if err := set("1", 6000); err != nil {
		t.Errorf("room that was given back: %v", err)
	}
}

// A member that has no room for an owner's records keeps what it has, says so,
// and catches up once there is room.
func TestNoRoomForOthers(t *testing.T) {
	c := newCluster(t, 51)
	c.config = func(cfg *Config) {
		if cfg.Name == "small" {
			cfg.MaxTotal = 20_000
		}
	}
	a, small, d := c.add("a"), c.add("small"), c.add("d")
	c.meetAll()
	for i := range 100 {
		a.set(fmt.Sprint("k", i), strings.Repeat("v", 1000))
	}
	c.run(30*time.Second, nil)
	s := small.Stats()
	if s.Bytes > 20_000 || s.Bytes < 10_000 || s.Refused == 0 {
		t.Fatalf("%d bytes, %d refused", s.Bytes, s.Refused)
	}
	if s := d.Stats(); s.Keys != 100 {
		t.Errorf("d has %d keys", s.Keys)
	}
	if pulls := small.Stats().Pulls; pulls > 20 {
		t.Errorf("asked %d times in 30 s for what it has no room for", pulls)
	}
	for i := range 95 {
		a.del(fmt.Sprint("k", i))
	}
	c.run(16*time.Minute, nil)
	c.settle(time.Minute)
	if err := small.Check(); err != nil {
		t.Error(err)
	}
}

// A large transfer does not hold up what is fresh of others.
func TestFreshNewsOvertakesBulk(t *testing.T) {
	c, a, b, _ := trio(t, 52)
	for i := range 2000 {
		a.set(fmt.Sprint("k", i), strings.Repeat("v", 5000))
	}
	c.settle(time.Minute)
	c.delay = 100 * time.Millisecond // the transfer takes long
	late := c.add("late")
	for _, n := range c.nodes[:3] {
		c.meet(late, n)
	}
	c.run(2*time.Second, nil)
	if late.get("a", "k1999") != "-" {
		t.Fatal("the transfer is over already")
	}
	b.set("fresh", "1")
	if !c.run(2*time.Second, func() bool { return late.get("b", "fresh") == "1" }) {
		t.Error("fresh news waits for the bulk")
	}
	if late.get("a", "k1999") != "-" {
		t.Error("the transfer was over before")
	}
	c.settle(2 * time.Minute)
}

// TestBulk starts five members with many keys each. Every member fetches each
// of the others' once, so the bytes sent are hardly more than the data. Its full
// size is MUSTER_RECORD_KEYS=100000.
func TestBulk(t *testing.T) {
	keys := size(t, "MUSTER_RECORD_KEYS", 3000)
	c := newCluster(t, 55)
	for i := range 5 {
		n := c.add(fmt.Sprint("node-", i))
		for k := range keys {
			if err := n.Set(c.time(), fmt.Sprintf("key-%08d", k), []byte(strings.Repeat("v", 88)), 0); err != nil {
				t.Fatal(err)
			}
		}
		n.act()
	}
	c.meetAll()
	if !c.run(2*time.Minute, c.converged) {
		t.Fatal("not converged")
	}
	data := 5 * 4 * keys * 100
	ratio := float64(c.bytes+c.streamed) / float64(data)
	t.Logf("after %v %.1f MB in packets and over %d streams for %.1f MB of keys and values, %.3f times", c.now, float64(c.bytes+c.streamed)/1e6, c.streams, float64(data)/1e6, ratio)
	if ratio > 1.2 {
		t.Errorf("%.3f times the data were sent", ratio)
	}
}

// What is known of members that nobody has spoken of is not kept.
func TestUnknownOwnersAreIgnored(t *testing.T) {
	c := newCluster(t, 53)
	a, b, stranger := c.add("a"), c.add("b"), c.add("stranger")
	c.meet(a, b)
	c.meet(a, stranger) // whom b does not know
	stranger.set("x", "1")
	b.set("y", "2")
	c.run(20*time.Second, nil)
	if _, ok := b.Get("stranger", "x"); ok {
		t.Error("b keeps records of a stranger")
	}
	if a.get("stranger", "x") != "1" || stranger.get("b", "y") != "-" {
		t.Error("those who know have not got it")
	}
	c.meet(b, stranger)
	c.settle(20 * time.Second)
}

func TestEachAndOwners(t *testing.T) {
	c, a, b, _ := trio(t, 54)
	for _, k := range []string{"svc/a", "svc/b", "other", "svc/c"} {
		a.set(k, k)
	}
	a.set("svc/a", "again")
	c.settle(time.Second)
	var keys []string
	b.Each("a", "svc/", func(key string, _ []byte, _ uint64) bool {
		keys = append(keys, key)
		return true
	})
	mustEqual(t, keys, "svc/b", "svc/c", "svc/a")
	n := 0
	b.Each("a", "", func(string, []byte, uint64) bool { n++; return false })
	b.Each("nobody", "", func(string, []byte, uint64) bool { n++; return true })
	if n != 1 {
		t.Errorf("yielded %d after being told to stop", n)
	}
	var owners []string
	b.Owners(func(name string) bool { owners = append(owners, name); return true })
	if len(owners) < 2 {
		t.Errorf("owners %v", owners)
	}
}

func TestConfig(t *testing.T) {
	cfg := Defaults()
	if _, err := New(time.Now(), cfg); !errors.Is(err, ErrConfig) {
		t.Errorf("without a name: %v", err)
	}
	cfg.Name, cfg.Generation = "a", 1
	if _, err := New(time.Now(), cfg); err != nil {
		t.Error(err)
	}
	cfg.ChunkSize, cfg.Fanout = 0, 0
	err := cfg.Validate()
	if err == nil || !strings.Contains(err.Error(), "chunk") || !strings.Contains(err.Error(), "fanout") {
		t.Errorf("not all faults: %v", err)
	}
}
