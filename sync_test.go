package muster

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// still is a node that does nothing but to exchange states, and with nodes only
// that are there.
func still(c *Config) {
	c.ProbeInterval, c.GossipInterval, c.ReconnectInterval = 0, 0, 0
	c.PushPullInterval = 50 * time.Millisecond
	c.SelectTargets = func(all []Member) (selected []Member, preferred *Member) {
		return slices.DeleteFunc(slices.Clone(all), func(m Member) bool { return m.Name[0] != 'n' }), nil
	}
}

// until polls a condition that no event tells of.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	c, tick := ctx(t), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-c.Done():
			t.Fatalf("never %s", what)
		}
	}
}

// teach lets a node learn of members that are not there, at an incarnation.
func teach(t *testing.T, n *Node, members, every int, inc uint32) {
	t.Helper()
	var states []wire.PushNodeState
	for i := 0; i < members; i += every {
		states = append(states, wire.PushNodeState{
			Name: fmt.Sprintf("m%05d", i), Addr: netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), Port: 7946,
			Incarnation: inc, Versions: swim.DefaultVersions, Meta: fmt.Appendf(nil, "version %d", inc),
		})
	}
	msg := wire.AppendPushPull(nil, wire.PushPullHeader{}, states, nil)
	err := n.do(func(now time.Time) {
		if _, err := n.core.Serve(now, netip.AddrPort{}, msg); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

// knows says whether a node knows the members taught.
func knows(n *Node, members, every int, inc uint32) bool {
	for i := 0; i < members; i += every {
		if m, ok := n.Member(fmt.Sprintf("m%05d", i)); !ok || m.Incarnation != inc {
			return false
		}
	}
	return true
}

// Two nodes that hear of nothing but by exchanging states tell each other what
// they differ in, in as many rounds as it takes, through every layer of a
// stream.
func TestSyncOverSockets(t *testing.T) {
	t.Parallel()
	ring, err := wire.NewKeyring(nil, []byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"plain":     func(*Config) {},
		"encrypted": func(c *Config) { c.Keyring, c.Label = ring, "dc1" },
	} {
		t.Run(name, func(t *testing.T) {
			nodes := cluster(t, 2, func(_ int, c *Config) {
				still(c)
				change(c)
			})
			const members = 1000
			teach(t, nodes[0], members, 1, 1)
			until(t, "told of all", func() bool { return knows(nodes[1], members, 1, 1) })
			teach(t, nodes[1], members, 40, 2)
			until(t, "told of what is new", func() bool { return knows(nodes[0], members, 40, 2) })
			for _, n := range nodes {
				until(t, "of one mind", func() bool { return n.Stats().SyncsEqual > 0 })
				// The two are the join and what teach pretends to be one.
				if s := n.Stats(); s.PushPulls > 2 || s.Syncs < 3 || s.SyncsFull == 0 {
					t.Errorf("%s: %d syncs, %d of all, %d whole exchanges", n.cfg.Name, s.Syncs, s.SyncsFull, s.PushPulls)
				}
			}
		})
	}
}

// An application's own state goes with whole states only, so a node that has
// one exchanges these, with whomever.
func TestNoSyncWithUserState(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, func(i int, c *Config) {
		still(c)
		if i == 0 {
			return
		}
		c.LocalState = func(bool) []byte { return []byte("mine") }
	})
	teach(t, nodes[0], 100, 1, 1)
	until(t, "told of all", func() bool { return knows(nodes[1], 100, 1, 1) })
	for _, n := range nodes {
		if s := n.Stats(); s.Syncs > 0 || s.PushPulls < 2 {
			t.Errorf("%s: %d syncs, %d whole exchanges", n.cfg.Name, s.Syncs, s.PushPulls)
		}
	}
}
