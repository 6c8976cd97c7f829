package memberlist

import "time"

// Delegate is how an application sends along data of its own. Its methods are
// called at the same time from several goroutines.
type Delegate interface {
	// NodeMeta returns what this node says of itself to all others, who find it
	// in Node.Meta. It must not be longer than limit.
	NodeMeta(limit int) []byte

	// NotifyMsg is called for every message that other nodes send to this one,
	// by itself or among broadcasts. Copy b to keep it.
	NotifyMsg(b []byte)

	// GetBroadcasts returns messages for a packet to another node. Each counts
	// with overhead on top; together they must not exceed limit.
	// TransmitLimitedQueue has this method.
	GetBroadcasts(overhead, limit int) [][]byte

	// LocalState returns what goes to a node that this one exchanges states
	// with, up to 20 MiB. The exchange is the one of a Join if join is set.
	LocalState(join bool) []byte

	// MergeRemoteState is called with what the other node's LocalState
	// returned, unless that was nothing.
	MergeRemoteState(buf []byte, join bool)
}

// EventDelegate is told of changes of membership, one at a time, in order. The
// nodes are copies.
type EventDelegate interface {
	// NotifyJoin is called for a node that has become a member; first of all
	// for this one.
	NotifyJoin(*Node)

	// NotifyLeave is called for a node that has left or died: see Node.State.
	NotifyLeave(*Node)

	// NotifyUpdate is called for a node whose metadata have changed.
	NotifyUpdate(*Node)
}

// ConflictDelegate is told of two nodes that use the same name.
type ConflictDelegate interface {
	// NotifyConflict is called when other claims the name of existing from
	// another address. The claim has been refused.
	NotifyConflict(existing, other *Node)
}

// MergeDelegate has a say in joins.
type MergeDelegate interface {
	// NotifyMerge is called in a Join, on either side, with the nodes that the
	// other side knows. An error cancels the join on this side.
	NotifyMerge(peers []*Node) error
}

// AliveDelegate has a say in who becomes a member.
type AliveDelegate interface {
	// NotifyAlive is called when a node, known or not, is said to be alive. An
	// error leaves that without effect.
	NotifyAlive(peer *Node) error
}

// PingDelegate is told of round-trip times, and may send something along with
// the answers to other nodes' pings.
type PingDelegate interface {
	// AckPayload returns what the acks carry from now on, 512 bytes at most. It
	// is called after each NotifyPingComplete and at least once a second, not
	// for each ack.
	AckPayload() []byte

	// NotifyPingComplete is called when a node has answered a probe directly,
	// with the payload that it sent along.
	NotifyPingComplete(other *Node, rtt time.Duration, payload []byte)
}

// NodeSelectionDelegate restricts whom a node talks to of its own accord. It is
// the one that Grafana's fork of memberlist has.
type NodeSelectionDelegate interface {
	// SelectNodes returns the nodes to choose from for gossip or for an
	// exchange of states, and, if not nil, one that is to be among the chosen.
	// It is not asked about probes.
	SelectNodes(nodes []*NodeState) (selected []*NodeState, preferred *NodeState)
}
