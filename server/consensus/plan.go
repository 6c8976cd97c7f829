package consensus

import (
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
)

// The leader makes the configuration follow gossip one change at a time: the
// engine knows no joint consensus, and one change at a time needs none (Raft
// thesis, section 4.1). What to do next is decided here, without doing it.

// changeKind is what can be done to the configuration.
type changeKind string

const (
	changeAdd     changeKind = "add"     // take in, without a vote
	changePromote changeKind = "promote" // give a vote
	changeRemove  changeKind = "remove"  // forget one that is dead
)

// change is the next step.
type change struct {
	kind   changeKind
	server Server
}

func (c change) String() string { return fmt.Sprintf("%s %s (%s)", c.kind, c.server.ID, c.server.Addr) }

// view is what the leader knows when it decides.
type view struct {
	self    string
	servers []raft.Server            // the configuration
	alive   []Server                 // by gossip
	silence map[string]time.Duration // of each configured server
	ready   map[string]bool          // configured without a vote, and caught up
	willing map[string]bool          // not configured, and of no other cluster

	deadAfter time.Duration // negative: never
	maxVoters int
	minVoters int
}

// next returns the most urgent change, if any: first what makes the cluster
// stronger, then what makes it smaller.
func (v view) next() (change, bool) {
	for _, step := range []func() (change, bool){v.promote, v.add, v.remove} {
		if c, ok := step(); ok {
			return c, true
		}
	}
	return change{}, false
}

// In the configuration an address says, like everywhere in the engine, whose it
// is, so that a new server may have a dead one's. It says where the server was
// when it was taken in; where it is now is for gossip to say. (The engine can
// change it, but its replication reads the same variable without its lock.)
func engineAddr(s Server) raft.ServerAddress { return raft.ServerAddress(joinPeer(s.ID, s.Addr)) }

func serverOf(s raft.Server) Server {
	_, addr := splitPeer(string(s.Address))
	return Server{ID: string(s.ID), Addr: addr}
}

func (v view) configured(id string) (raft.Server, bool) {
	i := slices.IndexFunc(v.servers, func(s raft.Server) bool { return string(s.ID) == id })
	if i < 0 {
		return raft.Server{}, false
	}
	return v.servers[i], true
}

func (v view) isAlive(id string) bool {
	return slices.ContainsFunc(v.alive, func(s Server) bool { return s.ID == id })
}

func (v view) promote() (change, bool) {
	if v.voters() >= v.maxVoters {
		return change{}, false
	}
	for _, s := range v.servers {
		if s.Suffrage != raft.Voter && v.ready[string(s.ID)] && v.isAlive(string(s.ID)) {
			return change{kind: changePromote, server: serverOf(s)}, true
		}
	}
	return change{}, false
}

func (v view) add() (change, bool) {
	for _, a := range v.alive {
		if _, ok := v.configured(a.ID); !ok && v.willing[a.ID] {
			return change{kind: changeAdd, server: a}, true
		}
	}
	return change{}, false
}

// remove finds a server that is dead for long enough, or whose address another
// has now. A voter goes only if the living are a majority now,
// so that the change can be agreed, and are one afterwards, so that the cluster
// goes on.
func (v view) remove() (change, bool) {
	for _, s := range v.servers {
		id := string(s.ID)
		if id == v.self || v.isAlive(id) {
			continue
		}
		replaced := slices.ContainsFunc(v.alive, func(a Server) bool {
			_, in := v.configured(a.ID)
			return in && a.Addr == serverOf(s).Addr
		})
		dead := v.deadAfter >= 0 && v.silence[id] >= v.deadAfter
		keep := v.minVoters
		if replaced {
			keep = 0 // the new one makes up for it
		}
		if (dead || replaced) && (s.Suffrage != raft.Voter || v.canSpare(keep)) {
			return change{kind: changeRemove, server: serverOf(s)}, true
		}
	}
	return change{}, false
}

func (v view) voters() int {
	n := 0
	for _, s := range v.servers {
		if s.Suffrage == raft.Voter {
			n++
		}
	}
	return n
}

// canSpare says whether one dead voter may go, and so many stay.
func (v view) canSpare(keep int) bool {
	living := 0
	for _, s := range v.servers {
		if s.Suffrage == raft.Voter && (string(s.ID) == v.self || v.isAlive(string(s.ID))) {
			living++
		}
	}
	voters := v.voters()
	after := voters - 1
	return living >= voters/2+1 && living >= after/2+1 && after >= max(keep, 1)
}

// settled says whether a server has the vote it is going to have.
func (v view) settled(id string) bool {
	s, ok := v.configured(id)
	return ok && (s.Suffrage == raft.Voter || v.voters() >= v.maxVoters)
}
