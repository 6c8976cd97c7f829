package consensus

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

var three = []string{"a", "b", "c"}

// A server alone is a cluster at once, and is one again after a restart.
func TestAlone(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, []string{"a"}, func(_ string, o *Options) { o.Heartbeat, o.Lease = 0, 0 })
	for round := range 3 {
		start := time.Now()
		n := c.start("a")
		c.waitReady("a")
		if d := time.Since(start); d > 450*time.Millisecond && !raceEnabled {
			t.Errorf("round %d: ready after %v", round, d)
		}
		if got, want := n.must(t, "add k x"), strings.Repeat("x", round); got != want {
			t.Errorf("round %d: value before is %q, want %q", round, got, want)
		}
		if err := n.Linearizable(t.Context()); err != nil {
			t.Error(err)
		}
		if round == 1 {
			c.crash("a")
		} else {
			c.stop("a")
		}
	}
}

// Three servers that expect three become one cluster, and each of them takes
// writes that it and, after a linearizable read, the others can read.
func TestThree(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	for i := range 30 {
		writer, reader := c.node(three[i%3]), c.node(three[(i+1)%3])
		key, val := fmt.Sprint("k", i), fmt.Sprint("v", i)
		writer.must(t, "set "+key+" "+val)
		if got := writer.fsm.get(key); got != val {
			t.Fatalf("%s wrote %s and reads %q", writer.opts.ID, val, got)
		}
		if err := reader.Linearizable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := reader.fsm.get(key); got != val {
			t.Fatalf("%s wrote %s, %s reads %q", writer.opts.ID, val, reader.opts.ID, got)
		}
	}
	c.same()
	clusters := map[string]bool{}
	for _, name := range three {
		s := c.node(name).Cluster(t.Context())
		clusters[s.Cluster] = true
		if len(s.Servers) != 3 {
			t.Errorf("%s knows %d servers", name, len(s.Servers))
		}
		for _, m := range s.Servers {
			if !m.Voter || !m.Answered || !m.Alive {
				t.Errorf("%s sees %+v", name, m)
			}
		}
	}
	if len(clusters) != 1 {
		t.Errorf("there are %d clusters", len(clusters))
	}
}

// What was acknowledged is there after all servers were killed, at addresses
// that nobody knew.
func TestFullRestart(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	for i := range 50 {
		c.node(three[i%3]).must(t, fmt.Sprintf("set k%d v%d", i, i))
	}
	for _, name := range three {
		c.crash(name)
	}
	c.startAll()
	for i := range 50 {
		n := c.node(three[i%3])
		if err := n.Linearizable(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := n.fsm.get(fmt.Sprint("k", i)), fmt.Sprint("v", i); got != want {
			t.Fatalf("%s is %q, want %q", fmt.Sprint("k", i), got, want)
		}
	}
	// The configuration has followed the new addresses.
	eventually(t, 10*time.Second, "new addresses", func() error {
		for _, m := range c.node(c.leader()).Status().Servers {
			if m.Addr != c.addrs[m.ID] {
				return fmt.Errorf("%s is at %s, configured at %s", m.ID, c.addrs[m.ID], m.Addr)
			}
		}
		return nil
	})
	c.same()
}

// Without a majority a write is refused or its outcome is unknown, and a read
// fails; nothing succeeds.
func TestNoMajority(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	c.node("a").must(t, "set k v")
	leader := c.leader()
	for _, f := range c.followers() {
		c.crash(f)
	}
	_, err := c.node(leader).Propose(shortly(t, time.Second), []byte("set k w"))
	if unknown, not := errors.Is(err, ErrOutcomeUnknown), errors.Is(err, ErrNotProposed); unknown == not {
		t.Errorf("write without a majority: %v", err)
	}
	if err := c.node(leader).Linearizable(shortly(t, time.Second)); err == nil {
		t.Error("a linearizable read without a majority")
	}
	eventually(t, 5*time.Second, "loss of readiness", func() error {
		if c.node(leader).Ready() == nil {
			return errors.New("still ready")
		}
		return nil
	})
	// By now it does not lead: the command is certainly not taken.
	if _, err := c.node(leader).Propose(shortly(t, 100*time.Millisecond), []byte("set k w")); !errors.Is(err, ErrNotProposed) || !errors.Is(err, ErrNoLeader) {
		t.Errorf("write without a leader: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	c := newCluster(t, []string{"a"}, func(_ string, o *Options) { o.MaxCommand = 100 })
	n := c.start("a")
	c.waitReady("a")
	if _, err := n.Propose(t.Context(), make([]byte, 101)); !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrNotProposed) {
		t.Errorf("too large: %v", err)
	}
	c.stop("a")
	if _, err := n.Propose(t.Context(), []byte("set k v")); !errors.Is(err, ErrClosed) || !errors.Is(err, ErrNotProposed) {
		t.Errorf("closed: %v", err)
	}
	if err := n.Linearizable(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	if err := n.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}

func TestValidate(t *testing.T) {
	err := Options{ID: "a b", Heartbeat: time.Millisecond, MaxCommand: 1 << 20}.Validate()
	for _, want := range []string{"Dir", "ID \"a b\"", "Advertise", "Stream", "Heartbeat", "MaxCommand"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no word about %s in: %v", want, err)
		}
	}
}
