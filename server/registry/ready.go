package registry

import (
	"sync"
	"sync/atomic"
	"time"
)

// phase is how far this server is from knowing all it should.
type phase struct {
	mu     sync.Mutex
	state  atomic.Uint32
	loaded time.Time // when the data was there
	until  time.Time // when it is settled
}

const (
	phaseLoading  = iota // data is being read from disk and from peers
	phaseSettling        // clients of an earlier life may be on their way
	phaseSettled
)

// Ready says that this server has what disk and peers could give it. settle
// is how long it then waits for clients that were connected to servers of an
// earlier life: zero if there was none, or if a peer lived through and knows
// them. Until then lists are answered but not pushed.
func (r *Registry) Ready(settle time.Duration) {
	p := &r.phase
	p.mu.Lock()
	if p.state.Load() != phaseLoading {
		p.mu.Unlock()
		return
	}
	now := time.Now()
	p.loaded, p.until = now, now.Add(settle)
	p.state.Store(phaseSettling)
	p.mu.Unlock()
	r.restartBeats(now)
	r.advancePhase(now)
}

// advancePhase ends settling when its time is over: what was not pushed is
// pushed then.
func (r *Registry) advancePhase(now time.Time) {
	p := &r.phase
	p.mu.Lock()
	due := p.state.Load() == phaseSettling && !now.Before(p.until)
	if due {
		p.state.Store(phaseSettled)
	}
	p.mu.Unlock()
	if !due {
		return
	}
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		s.view.Store(nil) // it says that it is not verified
		wanted := len(s.subscribers) > 0
		s.mu.Unlock()
		if wanted {
			r.observer.Changed(s)
		}
		return true
	})
}

// IsReady reports whether requests can be answered.
func (r *Registry) IsReady() bool { return r.phase.state.Load() != phaseLoading }

// settled reports whether lists can be trusted to be complete.
func (r *Registry) settled() bool { return r.phase.state.Load() == phaseSettled }

// Verified reports whether lists can be trusted to be complete, and pushed.
func (r *Registry) Verified() bool { return r.settled() }
