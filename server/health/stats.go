package health

import (
	"time"

	"github.com/musterhq/muster/server/registry"
)

// Counts are of one kind of check.
type Counts struct{ Checks, Failed uint64 }

// Stats are the monitor's counters.
type Stats struct {
	Targets int // instances that this server checks
	Working int // checks under way
	Waiting int // due, and not begun
	// Lag is how late the last check began. More than the wheel's 50 ms or so
	// says that there are too few workers.
	Lag              time.Duration
	TCP, HTTP, MySQL Counts
	Changes          uint64 // of health
	Unsaved          uint64 // changes that the servers did not agree on
}

// Stats returns the counters.
func (m *Monitor) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Working, s.Waiting = m.working, m.due.len()
	return s
}

func (s *Stats) count(kind string, ok bool) {
	c := &s.TCP
	switch kind {
	case registry.CheckHTTP:
		c = &s.HTTP
	case registry.CheckMySQL:
		c = &s.MySQL
	}
	c.Checks++
	if !ok {
		c.Failed++
	}
}
