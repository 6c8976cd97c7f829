package consensus

import (
	"sync/atomic"

	"github.com/hashicorp/raft"
)

// counters count what happened since the node was opened.
type counters struct {
	proposed, refused, unknown, retried atomic.Uint64
	forwarded, forwardedIn              atomic.Uint64
	reads, readsFailed                  atomic.Uint64
	notices, changes                    atomic.Uint64
}

// Metrics are the counters of this server, for a metrics system to adapt.
type Metrics struct {
	Leader        bool
	Ready         bool
	Faulty        bool
	Term          uint64
	Commit        uint64
	Applied       uint64
	Last          uint64
	Lag           uint64
	Voters        int
	Servers       int
	LeaderChanges uint64  // seen by this server
	LastContact   float64 // seconds since the leader was last heard; 0 on the leader

	Proposals         uint64 // of this server, applied
	ProposalsRefused  uint64 // certainly not applied
	ProposalsUnknown  uint64
	ProposalsRetried  uint64 // attempts after the first
	ProposalsInFlight int
	Forwarded         uint64 // attempts sent to the leader
	ForwardedIn       uint64 // commands received from other servers
	ProposalSeconds   Histogram

	Reads       uint64 // linearizable
	ReadsFailed uint64
	ReadRounds  uint64 // exchanges with a majority for them

	Entries       uint64 // applied
	Commands      uint64 // applied
	Repeats       uint64 // recognised as applied before
	EntriesMade   uint64 // by this server as leader
	CommandsMade  uint64 // in them
	Notices       uint64 // of commits, sent to followers
	ConfigChanges uint64

	AppendSeconds Histogram // writes to the log, with fsync
	Snapshots     uint64
	LogBytes      int64 // written since the last snapshot
	DiskErrors    uint64
}

// Metrics returns the counters.
func (n *Node) Metrics() Metrics {
	s := n.Status()
	m := Metrics{
		Leader: s.State == raft.Leader.String(), Ready: s.Ready, Faulty: s.Fault != "",
		Term: s.Term, Commit: s.Commit, Applied: s.Applied, Last: s.Last, Lag: s.Lag,
		Servers: len(s.Servers), LeaderChanges: n.leaders.changes.Load(),
		LastContact: s.LastContact.Seconds(),
		Proposals:   n.counters.proposed.Load(), ProposalsRefused: n.counters.refused.Load(),
		ProposalsUnknown: n.counters.unknown.Load(), ProposalsRetried: n.counters.retried.Load(),
		ProposalsInFlight: n.author.waiting(),
		Forwarded:         n.counters.forwarded.Load(), ForwardedIn: n.counters.forwardedIn.Load(),
		ProposalSeconds: n.proposals.histogram(),
		Reads:           n.counters.reads.Load(), ReadsFailed: n.counters.readsFailed.Load(),
		Notices: n.counters.notices.Load(), ConfigChanges: n.counters.changes.Load(),
		AppendSeconds: n.logs.appends.histogram(), Snapshots: n.snaps.taken.Load(),
		LogBytes: n.logs.appended.Load(), DiskErrors: s.DiskErrors,
	}
	for _, c := range s.Servers {
		if c.Voter {
			m.Voters++
		}
	}
	applied := n.machine.counters()
	m.Entries, m.Commands, m.Repeats = applied.Entries, applied.Commands, applied.Repeats
	n.reads.mu.Lock()
	m.ReadRounds = n.reads.rounds
	n.reads.mu.Unlock()
	n.submit.mu.Lock()
	m.EntriesMade, m.CommandsMade = n.submit.entries, n.submit.packed
	n.submit.mu.Unlock()
	return m
}
