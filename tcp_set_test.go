package muster

import (
	"net"
	"testing"
)

// The one that was used longest ago makes room, not the one that came first.
func TestConnSetEvictsTheIdlest(t *testing.T) {
	var s connSet
	s.init(2)
	var far []net.Conn
	pipe := func() net.Conn {
		near, other := net.Pipe()
		far = append(far, other)
		return near
	}
	first, _ := s.add(pipe())
	second, evicted := s.add(pipe())
	if evicted {
		t.Error("evicted within the bound")
	}
	s.used(first)
	if _, evicted := s.add(pipe()); !evicted || s.len() != 2 {
		t.Errorf("%d connections, evicted one: %v", s.len(), evicted)
	}
	if s.remove(second) || !s.remove(first) {
		t.Error("evicted the one that was in use")
	}
	s.close()
	if e, _ := s.add(pipe()); e != nil {
		t.Error("a closed set takes connections in")
	}
	for _, c := range far {
		_ = c.Close()
	}
}
