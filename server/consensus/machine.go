package consensus

import (
	"fmt"
	"io"
	"sync"

	"github.com/hashicorp/raft"
)

// FSM is the state that is replicated. All methods are called by one goroutine
// at a time, except the function that Snapshot returns. Reading the state
// beside that is the FSM's own affair.
type FSM interface {
	// Apply executes one command. It must be deterministic: the same commands
	// in the same order give the same state and the same answers on every
	// server and after every restart, whatever the clock says. A command that
	// makes no sense changes nothing and says so in its answer. index counts
	// the commands since the cluster was born and is the same everywhere. cmd
	// must not be modified, and what is kept of it should be copied: it is part
	// of a larger buffer. The answer, which must not be modified afterwards, is
	// what Propose returns; it is remembered until its author has it, so it
	// should be small, and is dropped when it has more than 512 KiB.
	Apply(index uint64, cmd []byte) (answer []byte)

	// Snapshot captures the state, quickly, and returns a function that writes
	// what was captured. That function runs beside further Apply calls.
	Snapshot() (write func(w io.Writer) error, err error)

	// Restore replaces the whole state by what such a function wrote. It may
	// be called again after it failed.
	Restore(r io.Reader) error
}

// machine stands between the engine and the FSM: it checks every entry, applies
// every command once, and tells the waiting how far it has come.
type machine struct {
	fsm       FSM
	progress  progress
	committed func(*raft.Log) // told of the last entry of each batch
	fail      func(error)     // stops the node

	mu       sync.Mutex // for readers beside the engine's goroutine
	sessions *sessions
	count    uint64 // commands applied since the cluster was born
	fault    error  // the machine applies nothing more
	stats    machineStats
}

type machineStats struct {
	Commands uint64 // applied
	Repeats  uint64 // recognised as applied before
	Entries  uint64
}

// answer is what one command came to, as the engine carries it.
type answer struct {
	data []byte
	err  error
}

func newMachine(fsm FSM) *machine {
	return &machine{
		fsm:       fsm,
		sessions:  newSessions(),
		committed: func(*raft.Log) {},
		fail:      func(error) {},
	}
}

// Apply implements raft.FSM; used by RecoverCluster only.
func (m *machine) Apply(l *raft.Log) any { return m.ApplyBatch([]*raft.Log{l})[0] }

// ApplyBatch implements raft.BatchingFSM. Each result is a []answer, one for
// each command of the entry, or an error when the entry was not applied.
func (m *machine) ApplyBatch(logs []*raft.Log) []any {
	results := make([]any, len(logs))
	m.mu.Lock()
	for i, l := range logs {
		results[i] = m.applyEntry(l)
	}
	fault := m.fault
	m.mu.Unlock()
	if fault != nil {
		m.fail(fault)
		return results
	}
	last := logs[len(logs)-1]
	m.progress.reach(last.Index)
	m.committed(last)
	return results
}

// applyEntry applies one entry, or, once an entry was damaged, nothing: to go on
// behind a hole would make this server differ from the others in silence.
func (m *machine) applyEntry(l *raft.Log) any {
	if m.fault != nil {
		return m.fault
	}
	if l.Type != raft.LogCommand {
		return nil
	}
	_, commands, err := decodeEntry(l.Data)
	if err != nil {
		m.fault = fmt.Errorf("entry %d of term %d: %w", l.Index, l.Term, err)
		return m.fault
	}
	m.stats.Entries++
	answers := make([]answer, len(commands))
	for i, c := range commands {
		answers[i] = m.applyCommand(c)
	}
	return answers
}

func (m *machine) applyCommand(c command) answer {
	ses, what, known := m.sessions.lookup(c, m.count+1)
	m.count++
	switch what {
	case repeated:
		m.stats.Repeats++
		return answer{data: known}
	case obsolete:
		m.stats.Repeats++
		return answer{err: fmt.Errorf("%w: its author had given it up", errUnknown)}
	}
	data := m.fsm.Apply(m.count, c.data)
	if len(data) > maxAnswer {
		data = nil // against the contract; the same on every server
	}
	ses.done[c.seq] = data
	m.stats.Commands++
	return answer{data: data}
}

// counters is a copy of the statistics.
func (m *machine) counters() machineStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stats
}
