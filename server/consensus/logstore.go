package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/hashicorp/raft-wal/types"
)

// logStore checks what raft-wal does not: that an entry read is the entry
// written. Each entry gets a checksum over all its fields behind its data. An
// entry that fails it stops the node before anything is done with it: it would
// be applied, or sent to the others as good.
type logStore struct {
	raft.LogStore // raft-wal
	faults        *diskFaults
	first         func() error // before the first entry ever is acknowledged
	fail          func(error)  // stops the node
	running       atomic.Bool  // the engine's goroutines are at work

	mu     sync.Mutex
	hidden map[uint64]struct{} // recent entries that no FSM gets to see

	appended   atomic.Int64 // bytes since the last snapshot
	entries    atomic.Int64 // and entries
	appends    latency
	diskErrors diskErrors
}

const sumSize = 4

// sumLog is the checksum of all that makes an entry.
func sumLog(l *raft.Log) uint32 {
	var head [17]byte
	binary.BigEndian.PutUint64(head[:], l.Index)
	binary.BigEndian.PutUint64(head[8:], l.Term)
	head[16] = byte(l.Type)
	sum := crc32.Checksum(head[:], castagnoli)
	sum = crc32.Update(sum, castagnoli, l.Data)
	return crc32.Update(sum, castagnoli, l.Extensions)
}

// IsMonotonic implements raft.MonotonicLogStore: raft-wal bears no holes.
func (s *logStore) IsMonotonic() bool { return true }

// StoreLog implements raft.LogStore.
func (s *logStore) StoreLog(l *raft.Log) error { return s.StoreLogs([]*raft.Log{l}) }

// StoreLogs implements raft.LogStore. The engine forgets a follower's position
// when it fails, so it fails once and the node stops.
func (s *logStore) StoreLogs(logs []*raft.Log) error {
	sealed := make([]*raft.Log, len(logs))
	size := 0
	for i, l := range logs {
		if l.Type == raft.LogCommand {
			// What came over the network is checked before it is kept.
			if err := checkEntry(l.Data); err != nil {
				return fmt.Errorf("entry %d of term %d: %w", l.Index, l.Term, err)
			}
		}
		c := *l
		c.Data = make([]byte, len(l.Data), len(l.Data)+sumSize)
		copy(c.Data, l.Data)
		c.Data = binary.BigEndian.AppendUint32(c.Data, sumLog(l))
		sealed[i] = &c
		size += len(c.Data)
	}
	start := time.Now()
	err := s.faults.check(opStoreLogs)
	if err == nil {
		err = s.LogStore.StoreLogs(sealed)
	}
	if err == nil {
		err = s.first()
	}
	if errors.Is(err, types.ErrSealed) {
		// The next file could not be begun, which was noted then.
		if _, last, _ := s.diskErrors.read(); last != "" {
			err = fmt.Errorf("%w (%s)", err, last)
		}
	}
	if err != nil {
		return s.broken(opStoreLogs, err)
	}
	s.noteHidden(logs)
	s.appends.observe(time.Since(start))
	s.appended.Add(int64(size))
	s.entries.Add(int64(len(logs)))
	return nil
}

// GetLog implements raft.LogStore. An entry that cannot be read stops the node.
func (s *logStore) GetLog(index uint64, l *raft.Log) error {
	err := s.get(index, l)
	if err == nil || errors.Is(err, raft.ErrLogNotFound) {
		return err
	}
	s.diskErrors.note(err)
	s.fail(err)
	s.sparePanic("(*Raft).processLogs")
	return err
}

// sparePanic ends this goroutine of the engine when it is in a function that
// panics on an error of a store. The node has been told to stop; a panic would
// end the whole process, and with it the parts that need no log. The goroutine's
// deferred calls run, as they would on a return.
func (s *logStore) sparePanic(function string) {
	if !s.running.Load() {
		return // Open returns the error
	}
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "github.com/hashicorp/raft.") && strings.HasSuffix(f.Function, function) {
			runtime.Goexit()
		}
		if !more {
			return
		}
	}
}

// get reads and checks without consequences.
func (s *logStore) get(index uint64, l *raft.Log) error {
	if err := s.LogStore.GetLog(index, l); err != nil {
		if errors.Is(err, raft.ErrLogNotFound) {
			return err
		}
		return fmt.Errorf("%w: reading entry %d: %w", ErrDisk, index, err)
	}
	n := len(l.Data) - sumSize
	if n < 0 {
		return fmt.Errorf("%w: entry %d on disk is cut short", ErrCorrupt, index)
	}
	said := binary.BigEndian.Uint32(l.Data[n:])
	l.Data = l.Data[:n:n]
	if sum := sumLog(l); sum != said || l.Index != index {
		return fmt.Errorf("%w: entry %d on disk has checksum %08x, says %08x", ErrCorrupt, index, sum, said)
	}
	return nil
}

// DeleteRange implements raft.LogStore. Cutting the end off is part of taking
// another leader's entries; when it fails the log is in no known state. Cutting
// the beginning off only saves space.
func (s *logStore) DeleteRange(lo, hi uint64) error {
	last, err := s.LastIndex()
	if err == nil {
		err = s.LogStore.DeleteRange(lo, hi)
	}
	if err == nil {
		return nil
	}
	if hi >= last {
		return s.broken(opStoreLogs, err)
	}
	s.diskErrors.note(err)
	return err
}

// broken stops the node after a write that may be there or not.
func (s *logStore) broken(op diskOp, err error) error {
	s.diskErrors.note(err)
	err = fmt.Errorf("%w: could not %s: %w", ErrDisk, op, err)
	s.fail(err)
	return err
}

// verify reads the whole log and returns the first fault.
func (s *logStore) verify() error {
	lo, err := s.FirstIndex()
	if err != nil {
		return err
	}
	hi, err := s.LastIndex()
	if err != nil {
		return err
	}
	for i := lo; i != 0 && i <= hi; i++ {
		var l raft.Log
		if err := s.get(i, &l); err != nil {
			if errors.Is(err, raft.ErrLogNotFound) {
				err = fmt.Errorf("%w: entry %d of %d to %d is missing", ErrCorrupt, i, lo, hi)
			}
			return err
		}
		s.noteHidden([]*raft.Log{&l})
	}
	return nil
}
