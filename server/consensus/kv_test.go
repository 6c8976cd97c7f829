package consensus

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
)

// kv is the FSM of the tests: strings by key. Commands are "set k v",
// "add k v" (append), "get k" and "cas k old new"; the answer is the value
// before, or for get the value.
type kv struct {
	mu      sync.Mutex
	data    map[string]string
	index   uint64
	applied int // commands, for counting repeats
	slow    func()
}

func newKV() *kv { return &kv{data: map[string]string{}} }

func (s *kv) Apply(index uint64, cmd []byte) []byte {
	s.mu.Lock()
	slow := s.slow
	s.mu.Unlock()
	if slow != nil {
		slow()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if index <= s.index {
		panic(fmt.Sprintf("index %d after %d", index, s.index))
	}
	s.index = index
	s.applied++
	f := strings.SplitN(string(cmd), " ", 4)
	old := s.data[f[1]]
	switch f[0] {
	case "set":
		s.data[f[1]] = f[2]
	case "add":
		s.data[f[1]] += f[2]
	case "cas":
		if old == f[2] {
			s.data[f[1]] = f[3]
		}
	}
	return []byte(old)
}

type kvState struct {
	Data    map[string]string
	Index   uint64
	Applied int
}

func (s *kv) Snapshot() (func(io.Writer) error, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := kvState{Data: make(map[string]string, len(s.data)), Index: s.index, Applied: s.applied}
	for k, v := range s.data {
		st.Data[k] = v
	}
	return func(w io.Writer) error { return json.NewEncoder(w).Encode(st) }, nil
}

func (s *kv) Restore(r io.Reader) error {
	var st kvState
	if err := json.NewDecoder(r).Decode(&st); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data, s.index, s.applied = st.Data, st.Index, st.Applied
	return nil
}

func (s *kv) get(k string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data[k]
}

func (s *kv) state() kvState {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := kvState{Data: map[string]string{}, Index: s.index, Applied: s.applied}
	for k, v := range s.data {
		st.Data[k] = v
	}
	return st
}
