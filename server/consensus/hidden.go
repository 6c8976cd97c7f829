package consensus

import (
	"github.com/hashicorp/raft"
)

// maxHidden bounds hidden. An entry is hidden once per change of leader, and
// only those behind the last command matter.
const maxHidden = 1024

// noteHidden remembers which entries the engine writes for itself.
func (s *logStore) noteHidden(logs []*raft.Log) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range logs {
		if l.Type == raft.LogCommand || l.Type == raft.LogConfiguration {
			delete(s.hidden, l.Index) // it may have replaced one
			continue
		}
		if s.hidden == nil || len(s.hidden) >= maxHidden {
			s.hidden = make(map[uint64]struct{})
		}
		s.hidden[l.Index] = struct{}{}
	}
}

// visible returns the last entry up to index that an FSM gets to see: it is told
// of commands and configurations.
func (s *logStore) visible(index uint64) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if _, ok := s.hidden[index]; !ok {
			return index
		}
		index--
	}
}
