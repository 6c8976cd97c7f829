package muster

import (
	"container/list"
	"net"
	"sync"
)

// connSet holds at most so many connections. One more closes the one that was
// used longest ago: refusing the newest would let those that are there, who may
// mean no good, keep all others out.
type connSet struct {
	mu     sync.Mutex
	most   int
	conns  list.List // of net.Conn, the one used last at the back
	closed bool
}

func (s *connSet) init(most int) { s.most = most }

// add takes a connection in. It returns nil when the set is closed, and whether
// another had to make room.
func (s *connSet) add(conn net.Conn) (e *list.Element, evicted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, false
	}
	if evicted = s.conns.Len() >= s.most; evicted {
		abort(s.conns.Remove(s.conns.Front()).(net.Conn))
	}
	return s.conns.PushBack(conn), evicted
}

// used tells that a connection was of use just now.
func (s *connSet) used(e *list.Element) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns.MoveToBack(e)
}

// remove takes a connection out, and tells whether it was still in.
func (s *connSet) remove(e *list.Element) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.conns.Len()
	s.conns.Remove(e)
	return s.conns.Len() < before
}

func (s *connSet) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns.Len()
}

// close closes all of them, and keeps others out.
func (s *connSet) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for e := s.conns.Front(); e != nil; e = e.Next() {
		abort(e.Value.(net.Conn))
	}
	s.conns.Init()
}
