package consensus

import (
	"github.com/hashicorp/raft"
)

// stableStore keeps the term and the vote. A term that cannot be written makes
// the engine panic; here the node stops instead.
type stableStore struct {
	raft.StableStore
	faults *diskFaults
	logs   *logStore
}

// Set implements raft.StableStore.
func (s *stableStore) Set(key, val []byte) error {
	return s.write(func() error { return s.StableStore.Set(key, val) })
}

// SetUint64 implements raft.StableStore.
func (s *stableStore) SetUint64(key []byte, val uint64) error {
	return s.write(func() error { return s.StableStore.SetUint64(key, val) })
}

func (s *stableStore) write(set func() error) error {
	err := s.faults.check(opSetStable)
	if err == nil {
		err = set()
	}
	if err == nil {
		return nil
	}
	err = s.logs.broken(opSetStable, err)
	s.logs.sparePanic("(*Raft).setCurrentTerm")
	return err
}
