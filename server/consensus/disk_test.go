package consensus

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// A server whose disk is full stops and says so; the others go on, and nothing
// that was acknowledged is lost. When there is room again it comes back.
func TestDiskFull(t *testing.T) {
	for _, op := range []diskOp{opStoreLogs, opSetStable, opNewSegment} {
		for _, role := range []string{"leader", "follower"} {
			t.Run(fmt.Sprintf("%s of the %s", op, role), func(t *testing.T) {
				noLeaks(t)
				c := newCluster(t, three, func(_ string, o *Options) { o.SegmentSize = 64 << 10 }).startAll()
				victim := c.leader()
				if role == "follower" {
					victim = c.followers()[0]
				}
				c.node(victim).faults.set(op, syscall.ENOSPC)
				acked := fillUntilStopped(t, c, victim, op)
				err := c.node(victim).Err()
				if !errors.Is(err, ErrStopped) || !errors.Is(err, ErrDisk) {
					t.Errorf("stopped with %v", err)
				}
				s := c.node(victim).Status()
				if s.DiskErrors == 0 || s.LastDiskError == "" || s.Fault == "" {
					t.Errorf("status says %d disk errors, %q, fault %q", s.DiskErrors, s.LastDiskError, s.Fault)
				}
				t.Log(err)
				c.crash(victim)
				c.leader()
				c.start(victim)
				c.waitReady(three...)
				n := c.node(victim)
				for i := range acked {
					if got := n.fsm.get(fmt.Sprint("k", i)); len(got) != 1000 {
						t.Fatalf("k%d is lost", i)
					}
				}
				c.same()
			})
		}
	}
}

// fillUntilStopped writes at servers that are well until the victim stops, and
// returns how many writes were acknowledged.
func fillUntilStopped(t *testing.T, c *testCluster, victim string, op diskOp) int {
	t.Helper()
	val := string(make([]byte, 1000))
	stop := time.Now().Add(20 * time.Second)
	for i := 0; ; i++ {
		select {
		case <-c.node(victim).Stopped():
			return i
		default:
		}
		if time.Now().After(stop) {
			t.Fatal("the server goes on")
		}
		if op == opSetStable && i%20 == 10 {
			// A term is noted when there is an election.
			if err := c.node(c.followersOf(victim)[0]).TransferLeadership(shortly(t, time.Second), ""); err != nil {
				t.Log(err)
			}
		}
		c.node(c.followersOf(victim)[0]).must(t, fmt.Sprintf("set k%d %s", i, val))
	}
}

// followersOf are the running nodes but one.
func (c *testCluster) followersOf(name string) []string {
	var names []string
	for _, n := range c.running() {
		if n != name {
			names = append(names, n)
		}
	}
	return names
}

// A server alone on a full disk refuses writes, and has those it acknowledged
// when it is started again.
func TestDiskFullAlone(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, []string{"a"}, nil)
	a := c.start("a")
	c.waitReady("a")
	a.must(t, "set k v")
	a.faults.set(opStoreLogs, syscall.ENOSPC)
	_, err := a.Propose(t.Context(), []byte("set k w"))
	if !errors.Is(err, ErrOutcomeUnknown) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write on a full disk: %v", err)
	}
	if _, err = a.Propose(t.Context(), []byte("set k x")); !errors.Is(err, ErrNotProposed) || !errors.Is(err, ErrStopped) {
		t.Errorf("write at a stopped server: %v", err)
	}
	c.crash("a")
	a = c.start("a")
	c.waitReady("a")
	if got := a.fsm.get("k"); got != "v" {
		t.Errorf("k is %q", got)
	}
}

// A snapshot that cannot be written is reported; nothing else happens.
func TestDiskFullSnapshot(t *testing.T) {
	c := newCluster(t, []string{"a"}, nil)
	a := c.start("a")
	c.waitReady("a")
	a.must(t, "set k v")
	a.faults.set(opNewSnapshot, syscall.ENOSPC)
	if err := a.Snapshot(t.Context()); err == nil {
		t.Error("a snapshot on a full disk")
	}
	if s := a.Status(); s.DiskErrors == 0 || s.Fault != "" {
		t.Errorf("status %+v", s)
	}
	a.must(t, "set k w")
	a.faults.set(opNewSnapshot, nil)
	if err := a.Snapshot(t.Context()); err != nil {
		t.Error(err)
	}
	if s := a.Status(); s.Snapshot == 0 {
		t.Error("no snapshot in the status")
	}
}
