package consensus

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// patientCluster has the default patience.
func patientCluster(t *testing.T) *testCluster {
	t.Helper()
	return newCluster(t, three, func(_ string, o *Options) { o.Heartbeat, o.Lease = 0, 0 }).startAll()
}

// lead makes a server the leader.
func lead(t *testing.T, c *testCluster, name string) {
	t.Helper()
	if now := c.leader(); now != name {
		if err := c.node(now).TransferLeadership(shortly(t, 5*time.Second), name); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, 5*time.Second, name+" to lead", func() error {
		if now := c.leader(); now != name {
			return fmt.Errorf("%s leads", now)
		}
		return nil
	})
	c.waitReady(three...)
}

// A leader whose process has died is replaced in half the time that one is given
// that only says nothing, and the first follower by name stands alone.
func TestDeadLeaderIsReplacedSoon(t *testing.T) {
	c := patientCluster(t)
	var gaps []time.Duration
	for range 5 {
		leader, rest := c.leader(), c.followers()
		before := c.node(rest[0]).Status().Term
		begin := time.Now()
		c.crash(leader)
		gaps = append(gaps, gap(t, c, rest, begin))
		if after := c.node(rest[0]).Status().Term; after != before+1 {
			t.Logf("it took %d elections", after-before)
		}
		c.start(leader)
		c.waitReady(three...)
	}
	t.Logf("gaps: %v", gaps)
	if m := median(gaps); m > 750*time.Millisecond && !raceEnabled {
		t.Errorf("median gap is %v", m)
	}
	c.same()
}

// A leader that is heard lives, whatever is at the address where it is thought to
// be.
func TestWrongAddressOfTheLeader(t *testing.T) {
	c := patientCluster(t)
	leader, follower := c.leader(), c.followers()[0]
	before := c.node(follower).Status().Term
	c.node(follower).SetMembers([]Server{{ID: leader, Addr: "127.0.0.1:1"}})
	time.Sleep(2 * time.Second) // several times the patience
	if s := c.node(follower).Status(); s.Term != before || s.Leader.ID != leader {
		t.Errorf("term %d after %d, %q leads after %s", s.Term, before, s.Leader.ID, leader)
	}
}

// The first follower by name may lack what was agreed: it loses, and the next one
// wins soon after.
func TestFirstSuccessorIsBehind(t *testing.T) {
	c := patientCluster(t)
	names := slices.Sorted(slices.Values(three))
	behind, other, leader := names[0], names[1], names[2]
	lead(t, c, leader)
	c.net.cutLink(leader, behind, true)
	for i := range 50 {
		c.node(other).must(t, fmt.Sprintf("set k%d v", i))
	}
	begin := time.Now()
	c.crash(leader)
	c.net.cutLink(leader, behind, false)
	d := gap(t, c, []string{behind, other}, begin)
	t.Logf("gap %v", d)
	if d > 1500*time.Millisecond && !raceEnabled {
		t.Errorf("gap is %v", d)
	}
	if now := c.leader(behind, other); now != other {
		t.Errorf("%s leads, and lacks what was agreed", now)
	}
	for i := range 50 {
		if got := c.node(other).fsm.get(fmt.Sprint("k", i)); got != "v" {
			t.Fatalf("k%d is lost", i)
		}
	}
	c.start(leader)
	c.waitReady(three...)
	c.same()
}

// A follower's connection to another is from the last election. That the other
// was restarted since does not cost a vote.
func TestVoteOverAnOldConnection(t *testing.T) {
	c := patientCluster(t)
	names := slices.Sorted(slices.Values(three))
	lead(t, c, names[2])
	asker, asked := c.node(names[0]), names[1]
	ask := func() error {
		// Of a term that is long over: nobody votes for that.
		args := &raft.RequestVoteRequest{RPCHeader: asker.trans.request(0).RPCHeader}
		var resp raft.RequestVoteResponse
		err := asker.trans.RequestVote(raft.ServerID(asked), "", args, &resp)
		if resp.Granted {
			t.Error("it has voted")
		}
		return err
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	addr := c.node(asked).Status().Addr
	c.crash(asked)
	if _, err := c.openAt(asked, addr); err != nil {
		t.Fatal(err)
	}
	c.waitReady(three...)
	if err := ask(); err != nil {
		t.Errorf("after a restart: %v", err)
	}
	c.crash(asked)
	if err := ask(); err == nil {
		t.Error("a server that is not there has answered")
	}
}
