package consensus

import (
	"testing"
)

// While an entry is under way, a smaller one waits for more, or for its end:
// what an entry costs does not depend on how much is in it.
func TestSecondEntryIsNoSmaller(t *testing.T) {
	s := newSubmitter(nil, 0)
	add := func(n int) {
		for range n {
			s.queue = append(s.queue, proposal{data: []byte("x"), done: func(reply) {}})
		}
	}
	size := func(b *batch) int {
		if b == nil {
			return 0
		}
		return len(b.proposals)
	}
	add(1)
	first := s.take()
	if size(first) != 1 {
		t.Fatalf("the first entry has %d commands, and nothing was under way", size(first))
	}
	add(3)
	second := s.take()
	if size(second) != 3 {
		t.Fatalf("the second entry has %d commands, 3 wait", size(second))
	}
	s.land(first, failed(ErrClosed))
	add(2)
	if b := s.take(); b != nil {
		t.Fatalf("an entry of %d commands was begun beside one of 3", size(b))
	}
	add(1)
	third := s.take()
	if size(third) != 3 {
		t.Fatalf("the third entry has %d commands, as many as the second", size(third))
	}
	add(1)
	select {
	case <-s.wake: // of the first that landed
	default:
		t.Fatal("nobody was woken when the first entry landed")
	}
	s.land(second, failed(ErrClosed))
	s.land(third, failed(ErrClosed))
	select {
	case <-s.wake:
	default:
		t.Fatal("nobody is woken when an entry has landed")
	}
	if b := s.take(); size(b) != 1 {
		t.Fatalf("what waited for the others is an entry of %d commands", size(b))
	}
	if s.take() != nil {
		t.Fatal("an entry of nothing")
	}
	// The largest there can be is waited for, and no more.
	s.flying = map[*batch]struct{}{{proposals: make([]proposal, maxBatchCommands)}: {}}
	add(maxBatchCommands - 1)
	if b := s.take(); b != nil {
		t.Fatalf("an entry of %d commands was begun beside a full one", size(b))
	}
	add(5)
	if b := s.take(); size(b) != maxBatchCommands {
		t.Fatalf("a full entry has %d commands", size(b))
	}
}
