package app

import (
	"fmt"
	"io"
	"sync/atomic"

	"github.com/musterhq/muster/server/registry"
)

// machine is the registry as what Raft's log is applied to. A command that this
// version of the server does not know must not be skipped, for the others have
// applied it: the machine stops there, and the server ends.
type machine struct {
	*registry.Registry
	fail   func(error)
	broken atomic.Pointer[error]
}

// A VersionError says that the servers have agreed on what this version does not
// know. The server has ended; what it has on disk is as it was.
type VersionError struct {
	Index uint64 // of the command
	Err   error
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("command %d of the log is from a later version of muster: %v", e.Index, e.Err)
}

func (e *VersionError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *VersionError) Hint() string {
	return "run the version that the other servers run; this server's data stays as it is"
}

// Apply applies a command.
func (m *machine) Apply(index uint64, command []byte) []byte {
	if err := m.broken.Load(); err != nil {
		return nil
	}
	res := m.Registry.Apply(index, command)
	if err := registry.ReadError(res); err != nil {
		err = &VersionError{Index: index, Err: err}
		m.broken.Store(&err)
		m.fail(err)
	}
	return res
}

// Snapshot refuses to pass on a state that is not that of the log.
func (m *machine) Snapshot() (func(io.Writer) error, error) {
	if err := m.broken.Load(); err != nil {
		return nil, *err
	}
	return m.Registry.Snapshot()
}
