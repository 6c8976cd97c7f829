package consensus

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/hashicorp/raft"
)

// maxPool is how many idle connections to each server the engine keeps.
const maxPool = 4

// RequestVote implements raft.Transport.
func (t *transport) RequestVote(id raft.ServerID, at raft.ServerAddress, args *raft.RequestVoteRequest, resp *raft.RequestVoteResponse) error {
	return pastOldConns(func() error { return t.NetworkTransport.RequestVote(id, at, args, resp) })
}

// RequestPreVote implements raft.WithPreVote.
func (t *transport) RequestPreVote(id raft.ServerID, at raft.ServerAddress, args *raft.RequestPreVoteRequest, resp *raft.RequestPreVoteResponse) error {
	return pastOldConns(func() error { return t.NetworkTransport.RequestPreVote(id, at, args, resp) })
}

// pastOldConns repeats a call that found its connection broken. The engine keeps
// idle ones, and followers use theirs in elections only: those to a server that
// has been restarted since are all broken. Without this the first votes after a
// restart are lost, and the election is held again after a timeout.
func pastOldConns(call func() error) error {
	err := call()
	for range maxPool {
		if !isBroken(err) {
			break
		}
		err = call()
	}
	return err
}

// isBroken reports whether a connection had ended. The other server may have had
// the question all the same; to ask for the same vote again does no harm.
func isBroken(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
