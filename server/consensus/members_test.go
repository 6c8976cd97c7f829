package consensus

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// waitServers waits until the leader's configuration has exactly these voters
// and these others.
func (c *testCluster) waitServers(voters, others string) {
	c.t.Helper()
	eventually(c.t, 20*time.Second, fmt.Sprintf("configuration of %q and %q", voters, others), func() error {
		var v, o string
		for _, m := range c.node(c.leader()).Status().Servers {
			if m.Voter {
				v += m.ID
			} else {
				o += m.ID
			}
		}
		if !sameLetters(v, voters) || !sameLetters(o, others) {
			return fmt.Errorf("it has %q and %q", v, o)
		}
		return nil
	})
}

func sameLetters(a, b string) bool {
	for _, c := range a {
		if strings.Count(a, string(c)) != strings.Count(b, string(c)) {
			return false
		}
	}
	return len(a) == len(b)
}

// A new server joins by being seen, catches up, gets its vote, and is ready only
// then; beyond MaxVoters it gets none and is ready without.
func TestJoin(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, func(_ string, o *Options) { o.MaxVoters = 4 }).startAll()
	for i := range 100 {
		c.node(three[i%3]).must(t, fmt.Sprintf("set k%d v%d", i, i))
	}
	c.start("d")
	c.waitReady("d")
	c.waitServers("abcd", "")
	c.start("e")
	c.waitReady("e")
	c.waitServers("abcd", "e")
	c.node("e").must(t, "set k100 v")
	if got := c.node("e").fsm.get("k99"); got != "v99" {
		t.Errorf("k99 is %q at e", got)
	}
	c.same()
	// When a voter leaves for good, the one without a vote gets it.
	if err := c.node("d").Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.stop("d")
	c.waitServers("abce", "")
}

// A server that is dead for long enough is removed while a majority is well, and
// taken in again, as itself, when it returns.
func TestRemoveDead(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, func(_ string, o *Options) { o.DeadAfter = 700 * time.Millisecond }).startAll()
	dead := c.followers()[0]
	rest := strings.Replace("abc", dead, "", 1)
	c.crash(dead)
	c.waitServers(rest, "")
	for i := range 50 {
		c.node(rest[:1]).must(t, fmt.Sprintf("set k%d v", i))
	}
	c.start(dead)
	c.waitReady(three...)
	c.waitServers("abc", "")
	c.same()
	// Two of three dead: there is no majority, so nobody is removed.
	leader, followers := c.leader(), c.followers()
	for _, f := range followers {
		c.crash(f)
	}
	waitChange(t.Context(), nil, 1500*time.Millisecond)
	if s := c.node(leader).Status(); len(s.Servers) != 3 {
		t.Errorf("%d servers are left", len(s.Servers))
	}
	for _, f := range followers {
		c.start(f)
	}
	c.waitReady(three...)
}

// Gossip alone does not make a server dead that Raft still hears from.
func TestSilentInGossipOnly(t *testing.T) {
	c := newCluster(t, three, func(_ string, o *Options) { o.DeadAfter = 300 * time.Millisecond }).startAll()
	quiet := c.followers()[0]
	c.hide(quiet, true)
	waitChange(t.Context(), nil, 1500*time.Millisecond)
	c.waitServers("abc", "")
}

// A server that restarts at another address is found there, with nobody else
// knowing more than gossip says.
func TestAddressChange(t *testing.T) {
	c := newCluster(t, three, nil).startAll()
	for range 2 {
		for _, name := range []string{c.followers()[0], c.leader()} {
			before := c.addrs[name]
			c.stop(name)
			c.start(name)
			c.waitReady(three...)
			if c.addrs[name] == before {
				t.Fatal("the address is the same")
			}
			eventually(t, 10*time.Second, "the new address", func() error {
				for _, m := range c.node(c.leader()).Status().Servers {
					if m.Addr != c.addrs[m.ID] {
						return fmt.Errorf("%s is at %s, configured at %s", m.ID, c.addrs[m.ID], m.Addr)
					}
				}
				return nil
			})
		}
	}
}

// Five that expect three: one cluster of three founders and two who join.
func TestFoundingWithMore(t *testing.T) {
	for range long("MUSTER_FOUNDINGS", 2) {
		c := newCluster(t, []string{"a", "b", "c", "d", "e"}, func(_ string, o *Options) { o.BootstrapExpect = 3 })
		for _, name := range []string{"e", "d", "b", "c", "a"} {
			c.start(name)
		}
		c.waitReady(c.names...)
		c.waitServers("abcde", "")
		clusters := map[string]int{}
		for _, name := range c.names {
			clusters[c.node(name).Status().Cluster]++
		}
		if len(clusters) != 1 {
			t.Errorf("clusters: %v", clusters)
		}
	}
}

// While gossip is not complete nobody founds a cluster behind the others' backs.
func TestFoundingNeedsAll(t *testing.T) {
	c := newCluster(t, three, nil)
	for _, name := range three {
		c.start(name)
		if name == "a" {
			c.hide("a", true) // b and c do not hear of a, which hears of them
		}
	}
	waitChange(t.Context(), nil, time.Second)
	for _, name := range three[1:] {
		if s := c.node(name).Status(); s.State == raft.Leader.String() && len(s.Servers) < 3 {
			t.Errorf("%s leads %d servers", name, len(s.Servers))
		}
	}
	c.hide("a", false)
	c.waitReady(three...)
	c.waitServers("abc", "")
}

// A server promises itself to one founder at a time, to the lowest of as many as
// it expects, and follows nobody else who does not lead.
func TestPromises(t *testing.T) {
	c := newCluster(t, three, nil)
	n := c.start("c")
	all := []Server{{"a", "a:1"}, {"b", "b:1"}, {"c", c.addrs["c"]}}
	id := clusterID{1}
	adopt := func(from string, leads bool) error {
		code, _, err := n.mux.judge(hello{service: serviceRaft, cluster: id, from: from, leads: leads})
		if (code == helloWelcome) != (err == nil) {
			t.Errorf("code %d with %v", code, err)
		}
		return err
	}
	if adopt("a", false) == nil {
		t.Error("taken in by one that neither leads nor has a promise")
	}
	for _, bad := range []struct {
		from string
		q    []Server
	}{
		{"b", all},                            // not the lowest
		{"a", all[:2]},                        // without this server
		{"a", append(all, Server{"d", ":1"})}, // more than expected
	} {
		if n.promise(bad.from, founding{Servers: bad.q}).code == replyOK {
			t.Errorf("promised to %s with %v", bad.from, bad.q)
		}
	}
	if r := n.promise("a", founding{Servers: all}); r.code != replyOK {
		t.Errorf("no promise to a: %s", r.body)
	}
	if n.promiseTo("b", time.Now()) || n.promiseTo("c", time.Now()) {
		t.Error("promised twice")
	}
	if !n.promiseTo("a", time.Now()) {
		t.Error("a may not ask again")
	}
	if adopt("b", true) == nil {
		t.Error("taken in by another than it promised")
	}
	if err := adopt("a", false); err != nil {
		t.Errorf("not taken in by the founder: %v", err)
	}
	if n.promise("a", founding{Servers: all}).code == replyOK {
		t.Error("promised with a cluster")
	}
	id = clusterID{2}
	if err := adopt("b", true); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("a second cluster: %v", err)
	}
	if n.promised.until = time.Now().Add(-time.Second); !n.promiseTo("b", time.Now()) {
		t.Error("a promise binds for ever")
	}
}

// A founder that dies after it wrote the certificate finishes when it returns.
func TestFoundingInterrupted(t *testing.T) {
	c := newCluster(t, three, nil)
	o, _ := c.options("a", "127.0.0.1:0")
	d, err := openDataDir(o.Dir, "a")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range three[1:] {
		c.start(name)
	}
	id, err := parseClusterID(strings.Repeat("ab", 16))
	if err == nil {
		err = d.join(id, []Server{{"a", o.Advertise}, {"b", c.addrs["b"]}, {"c", c.addrs["c"]}})
	}
	if err := errors.Join(err, d.close(), o.Stream.Close()); err != nil {
		t.Fatal(err)
	}
	c.start("a")
	c.waitReady(three...)
	c.waitServers("abc", "")
	if got := c.node("c").Status().Cluster; got != strings.Repeat("ab", 16) {
		t.Errorf("cluster %s", got)
	}
}

func TestTransferAndRemove(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	for _, to := range []string{"b", "c", "a", "a"} {
		if err := c.node("b").TransferLeadership(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if got := c.leader(); got != to {
			t.Errorf("%s leads, not %s", got, to)
		}
	}
	if err := c.node("a").TransferLeadership(t.Context(), "x"); err == nil {
		t.Error("leadership of a stranger")
	}
	if err := c.node("a").RemoveServer(t.Context(), "b"); err == nil {
		t.Error("removal of a living server")
	}
	c.crash("b")
	if err := c.node("c").RemoveServer(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	c.waitServers("ac", "")
	// The leader leaves.
	if err := c.node("a").Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.waitServersAt("c", "c")
	c.stop("a")
	c.node("c").must(t, "set k v")
	if err := c.node("c").Leave(t.Context()); err == nil {
		t.Error("the last server left")
	}
}

// waitServersAt is waitServers for one node's view.
func (c *testCluster) waitServersAt(name, voters string) {
	c.t.Helper()
	eventually(c.t, 10*time.Second, "configuration", func() error {
		var v string
		for _, m := range c.node(name).Status().Servers {
			v += m.ID
		}
		if !sameLetters(v, voters) {
			return fmt.Errorf("it has %q", v)
		}
		return nil
	})
}

// Two of three servers are lost for good. The third is recovered alone, has all
// that was acknowledged, and new servers join it; the lost ones, when they come
// back after all, are kept out, and join when they have forgotten.
func TestRecoverQuorumLoss(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	for i := range 30 {
		c.node(three[i%3]).must(t, fmt.Sprintf("set k%d v%d", i, i))
	}
	c.same()
	before := c.node("a").Status().Cluster
	for _, name := range three {
		c.crash(name)
	}
	o, _ := c.options("a", "127.0.0.1:0")
	if err := RecoverQuorumLoss(o, newKV(), nil); err != nil {
		t.Fatal(err)
	}
	if err := o.Stream.Close(); err != nil {
		t.Fatal(err)
	}
	a := c.start("a")
	c.waitReady("a")
	for i := range 30 {
		if got, want := a.fsm.get(fmt.Sprint("k", i)), fmt.Sprint("v", i); got != want {
			t.Fatalf("k%d is %q", i, got)
		}
	}
	a.must(t, "set after recovery")
	if s := a.Status(); s.Cluster == before || len(s.Servers) != 1 {
		t.Errorf("recovered: %+v", s)
	}
	// The lost two come back. They are a majority of the old cluster.
	c.start("b")
	c.start("c")
	waitChange(t.Context(), nil, time.Second)
	if s := a.Status(); len(s.Servers) != 1 || a.Ready() != nil {
		t.Errorf("disturbed by the old cluster: %+v", s)
	}
	for _, name := range three[1:] {
		c.stop(name)
	}
	for _, name := range three[1:] {
		aside, err := Forget(c.path(name), "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(aside); err != nil {
			t.Error(err)
		}
		c.start(name)
	}
	c.waitReady(three...)
	c.waitServers("abc", "")
	if got := c.node("c").fsm.get("after"); got != "recovery" {
		t.Errorf("c reads %q", got)
	}
}

// Recovery on two servers with one list makes them one cluster.
func TestRecoverTwo(t *testing.T) {
	c := newCluster(t, three, nil).startAll()
	c.node("a").must(t, "set k v")
	c.same()
	for _, name := range three {
		c.crash(name)
	}
	peers := []Server{{"a", c.addrs["a"]}, {"b", c.addrs["b"]}}
	for _, name := range []string{"b", "a"} {
		o, _ := c.options(name, "127.0.0.1:0")
		if err := errors.Join(RecoverQuorumLoss(o, newKV(), peers), o.Stream.Close()); err != nil {
			t.Fatal(err)
		}
	}
	c.start("a")
	c.start("b")
	c.waitReady("a", "b")
	c.waitServers("ab", "")
	c.node("b").must(t, "add k w")
	if got := c.node("b").fsm.get("k"); got != "vw" {
		t.Errorf("k is %q", got)
	}
	c.same()
}

func TestRecoverRefusals(t *testing.T) {
	c := newCluster(t, []string{"a"}, nil)
	o, _ := c.options("a", "127.0.0.1:0")
	if err := RecoverQuorumLoss(o, newKV(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing there: %v", err)
	}
	if err := RecoverQuorumLoss(o, newKV(), []Server{{"b", "b:1"}}); err == nil {
		t.Error("recovered for others only")
	}
	c.start("a")
	c.waitReady("a")
	if err := RecoverQuorumLoss(o, newKV(), nil); !errors.Is(err, ErrLocked) {
		t.Errorf("while it runs: %v", err)
	}
	if _, err := Forget(c.path("a"), ""); !errors.Is(err, ErrLocked) {
		t.Errorf("forgotten while it runs: %v", err)
	}
	if err := o.Stream.Close(); err != nil {
		t.Error(err)
	}
}

func TestIdentity(t *testing.T) {
	dir := t.TempDir() + "/data"
	a, err := Identity(dir)
	if err != nil || len(a) != 36 || !plainID(a) {
		t.Fatalf("%q, %v", a, err)
	}
	if b, err := Identity(dir); err != nil || a != b {
		t.Errorf("%q became %q, %v", a, b, err)
	}
	if err := os.WriteFile(dir+"/"+identityFile, []byte("a b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Identity(dir); err == nil {
		t.Error("a bad identity was taken")
	}
}

// The log stays short, and a server that was away for longer than it reaches
// back is brought up to date by snapshot, while writes go on.
func TestSnapshotsBoundTheLog(t *testing.T) {
	c := newCluster(t, three, func(_ string, o *Options) {
		o.SnapshotBytes, o.SegmentSize = 256<<10, 64<<10
	}).startAll()
	away := c.followers()[0]
	c.crash(away)
	val := strings.Repeat("v", 1000)
	writer := c.node(c.leader())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan int)
	go func() {
		i := 0
		for ; ctx.Err() == nil; i++ {
			if _, err := writer.Propose(t.Context(), fmt.Appendf(nil, "set k%d %s", i%100, val)); err != nil {
				t.Error(err)
				break
			}
		}
		done <- i
	}()
	eventually(t, 20*time.Second, "snapshots", func() error {
		if m := writer.Metrics(); m.Snapshots < 2 {
			return fmt.Errorf("%d", m.Snapshots)
		}
		return nil
	})
	c.start(away)
	c.waitReady(away)
	stop()
	t.Logf("%d writes", <-done)
	if c.node(away).Status().Snapshot == 0 {
		t.Error("no snapshot was sent")
	}
	c.same()
	first, err := writer.wal.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	if last := writer.Status().Last; first < last/4 {
		t.Errorf("the log goes from %d to %d", first, last)
	}
}
