package consensus

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// info is what a server says about itself when another asks.
type info struct {
	Server      string `json:"server"`
	Addr        string `json:"addr"`
	Cluster     string `json:"cluster,omitempty"`
	Expect      int    `json:"expect,omitempty"`
	State       string `json:"state"`
	Term        uint64 `json:"term"`
	Leader      string `json:"leader,omitempty"`
	Commit      uint64 `json:"commit"`
	Applied     uint64 `json:"applied"`
	Last        uint64 `json:"last"`
	Ready       bool   `json:"ready"`
	Reason      string `json:"reason,omitempty"` // why not ready
	Leaving     bool   `json:"leaving,omitempty"`
	Fault       string `json:"fault,omitempty"`
	DiskErrors  uint64 `json:"disk_errors,omitempty"`
	LastDiskErr string `json:"last_disk_error,omitempty"`
}

func (n *Node) info() info {
	s := n.Status()
	in := info{
		Server: s.ID, Addr: s.Addr, Cluster: s.Cluster, State: s.State, Term: s.Term, Leader: s.Leader.ID,
		Commit: s.Commit, Applied: s.Applied, Last: s.Last, Ready: s.Ready, Reason: s.NotReady,
		Leaving: n.leaving.Load(), Fault: s.Fault, DiskErrors: s.DiskErrors, LastDiskErr: s.LastDiskError,
	}
	if s.Cluster == "" {
		in.Expect = n.opts.BootstrapExpect
	}
	return in
}

// Status is the state of this server as it sees it.
type Status struct {
	ID      string `json:"id"`
	Addr    string `json:"addr"`
	Cluster string `json:"cluster,omitempty"` // "" until it has one
	State   string `json:"state"`             // Follower, Candidate, Leader, Shutdown
	Term    uint64 `json:"term"`
	Leader  Server `json:"leader"` // zero when none is known

	Last          uint64        `json:"last"`     // newest entry in the log
	Commit        uint64        `json:"commit"`   // newest entry known to be agreed
	Applied       uint64        `json:"applied"`  // newest entry in the FSM
	Lag           uint64        `json:"lag"`      // entries agreed, as far as known here, and not in the FSM
	Snapshot      uint64        `json:"snapshot"` // entry of the newest snapshot
	LastContact   time.Duration `json:"last_contact"`
	Ready         bool          `json:"ready"`
	NotReady      string        `json:"not_ready,omitempty"` // the reason
	Fault         string        `json:"fault,omitempty"`     // why the node stopped itself
	Servers       []Member      `json:"servers"`             // the configuration
	DiskErrors    uint64        `json:"disk_errors"`
	LastDiskErr   time.Time     `json:"last_disk_error_at,omitzero"`
	LastDiskError string        `json:"last_disk_error,omitempty"`
}

// Member is one server of the configuration.
type Member struct {
	Server
	Voter bool `json:"voter"`
	Alive bool `json:"alive"` // by gossip

	// What the server said of itself; set by Cluster only.
	Answered bool   `json:"answered"`
	State    string `json:"state,omitempty"`
	Term     uint64 `json:"term,omitempty"`
	Applied  uint64 `json:"applied,omitempty"`
	Last     uint64 `json:"last,omitempty"`
	Lag      uint64 `json:"lag,omitempty"` // behind the newest commit any server knows
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"` // why not ready, or why stopped
	Disk     string `json:"disk,omitempty"`   // its last disk error
}

// Status returns the state of this server; it asks nobody.
func (n *Node) Status() Status {
	_, cluster := n.dir.certificate()
	s := Status{ID: n.opts.ID, Addr: n.opts.Advertise, Applied: n.machine.progress.at(), State: raft.Shutdown.String()}
	if cluster != (clusterID{}) {
		s.Cluster = cluster.String()
	}
	if err := n.Ready(); err != nil {
		s.NotReady = err.Error()
	} else {
		s.Ready = true
	}
	if err := n.Err(); err != nil {
		s.Fault = err.Error()
	}
	s.DiskErrors, s.LastDiskError, s.LastDiskErr = n.logs.diskErrors.read()
	r := n.trans.raft.Load()
	if r == nil {
		return s
	}
	s.State, s.Term, s.Last, s.Commit = r.State().String(), r.CurrentTerm(), r.LastIndex(), r.CommitIndex()
	if v := n.logs.visible(s.Commit); v > s.Applied {
		s.Lag = v - s.Applied
	}
	s.Snapshot = n.snaps.newest.Load()
	addr, id := r.LeaderWithID()
	s.Leader = Server{ID: string(id), Addr: string(addr)}
	if last := r.LastContact(); !last.IsZero() && s.State != raft.Leader.String() {
		s.LastContact = time.Since(last)
	}
	for _, c := range r.GetConfiguration().Configuration().Servers {
		m := Member{Server: serverOf(c), Voter: c.Suffrage == raft.Voter}
		if addr, alive := n.members.addr(m.ID); alive {
			m.Addr, m.Alive = addr, true
		}
		s.Servers = append(s.Servers, m)
	}
	return s
}

// Cluster returns Status with what every server of the configuration says about
// itself, as far as it answers while ctx lasts, at most a second.
func (n *Node) Cluster(ctx context.Context) Status {
	s := n.Status()
	ids := make([]string, len(s.Servers))
	for i, m := range s.Servers {
		ids[i] = m.ID
	}
	answers := n.askAll(ctx, ids, time.Second)
	var commit uint64
	for _, in := range answers {
		commit = max(commit, in.Commit)
	}
	for i := range s.Servers {
		m := &s.Servers[i]
		in, ok := answers[m.ID]
		if !ok {
			continue
		}
		m.Answered, m.State, m.Term, m.Applied, m.Last = true, in.State, in.Term, in.Applied, in.Last
		m.Ready, m.Reason, m.Disk = in.Ready, in.Reason, in.LastDiskErr
		if in.Fault != "" {
			m.Reason = in.Fault
		}
		if v := n.logs.visible(commit); v > in.Applied {
			m.Lag = v - in.Applied
		}
	}
	return s
}
