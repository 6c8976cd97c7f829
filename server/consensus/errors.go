package consensus

import (
	"errors"
	"fmt"
)

// What a proposal or a read may end with. Exactly one of ErrNotProposed and
// ErrOutcomeUnknown is in the chain of every error that Propose returns.
var (
	// ErrNotProposed: the command was not taken and never will be. Nothing
	// changed; it may be sent again.
	ErrNotProposed = errors.New("not proposed")

	// ErrOutcomeUnknown: the command was sent, and whether it was or will be
	// applied is not known: the leader died, or the time ran out before it
	// answered. State may or may not have changed. A repetition by the caller
	// is a new command.
	ErrOutcomeUnknown = errors.New("outcome unknown")

	// ErrNoLeader: no leader could be reached in the time given. Comes with
	// ErrNotProposed or ErrOutcomeUnknown when a proposal ends with it; a read
	// that ends with it has changed nothing.
	ErrNoLeader = errors.New("no leader")

	// ErrTooLarge: the command is over Options.MaxCommand. Nothing changed.
	ErrTooLarge = errors.New("command too large")

	// ErrClosed: the node was closed. Nothing changed.
	ErrClosed = errors.New("node closed")

	// ErrStopped: the node stopped itself because its disk or its log can no
	// longer be trusted; the cause is in the chain. It takes no further part in
	// the cluster until the process is started again with the cause removed.
	ErrStopped = errors.New("node stopped")
)

// Why a node does not open, or stopped.
var (
	// ErrLocked: another process uses the directory. Nothing was changed.
	ErrLocked = errors.New("data directory is in use by another process")

	// ErrWrongDir: the directory belongs to another server. Nothing was changed.
	ErrWrongDir = errors.New("data directory belongs to another server")

	// ErrLogLost: the directory says this server had a log, and the log is gone
	// or is shorter than what the server had already applied. Starting with
	// less than it acknowledged could undo writes of the whole cluster, so it
	// does not start. Nothing was changed. See Forget.
	ErrLogLost = errors.New("log lost")

	// ErrCorrupt: an entry or a snapshot fails its checksum. The node stopped,
	// or did not start; nothing of the damaged entry was applied.
	ErrCorrupt = errors.New("log corrupt")

	// ErrDisk: writing or reading the log failed. The node stopped; an entry
	// that was being written was not acknowledged by this node.
	ErrDisk = errors.New("disk failure")
)

// Why two servers do not talk.
var (
	// ErrOtherCluster: the server called belongs to another cluster. Nothing
	// was exchanged.
	ErrOtherCluster = errors.New("server belongs to another cluster")

	// ErrOtherServer: a different server answers at this address than the one
	// that was called. Nothing was exchanged.
	ErrOtherServer = errors.New("another server answers at this address")

	// errNotLeader: the server asked does not lead; nothing was proposed.
	errNotLeader = errors.New("not the leader")

	// errUnknown marks an attempt that may have been taken.
	errUnknown = errors.New("attempt may have been taken")
)

// notProposed wraps a cause of which it is certain that nothing was taken.
func notProposed(cause error) error {
	return fmt.Errorf("%w: %w", ErrNotProposed, cause)
}

// outcomeUnknown wraps a cause after which the command may have been taken.
func outcomeUnknown(cause error) error {
	return fmt.Errorf("%w: %w", ErrOutcomeUnknown, cause)
}
