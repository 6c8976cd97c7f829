// Package consensus is the CP plane of the registry: a replicated log on
// hashicorp/raft and raft-wal behind about ten methods.
//
// A [Node] takes commands on any server, has them agreed by a majority and
// applied to an [FSM] in the same order everywhere:
//
//	n, err := consensus.Open(opts, fsm)
//	res, err := n.Propose(ctx, cmd)      // forwarded to the leader when that is another server
//	err = n.Linearizable(ctx)            // what was acknowledged before the call is now in the local FSM
//	n.SetMembers(alive)                  // gossip says who is here; the leader follows
//
// Propose answers after a majority has the command on disk and the local FSM
// has applied it, so a server reads its own writes. An error says which of two
// things is true: the command was certainly not taken ([ErrNotProposed]), or it
// cannot be known ([ErrOutcomeUnknown]). There is no third answer. A command is
// applied at most once, however often it was sent: Propose repeats it after a
// leader died, and the log recognises it (thesis, section 6.3).
//
// Who is a server is told by gossip through [Node.SetMembers], never by a list
// in a file. A server is known by an identity in its data directory, not by its
// address.
//
// The package handles itself what the engine leaves to its user: forwarding,
// reads on every server, the growing pause after an outage, the delay with
// which followers learn of a commit, and damage on disk. DESIGN.md says how
// and why.
package consensus
