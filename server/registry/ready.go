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
// them. Until then only lists of persistent instances are complete.
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
	r.reveal()
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
	if due {
		r.reveal()
	}
}

// reveal has those told who wait for lists that are complete now. They are newer
// than what was told of other servers' lists before, see [Registry.Complete].
func (r *Registry) reveal() {
	r.index.each(func(s *Service) bool {
		s.mu.Lock()
		s.bump(0)
		wanted := len(s.subscribers) > 0 && r.complete(s.kind)
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

// complete reports whether lists of services of a kind can be trusted. What
// Raft says is here before clients are waited for.
func (r *Registry) complete(k Kind) bool {
	return r.settled() || k == KindPersistent && r.IsReady()
}

// Verified reports whether all lists can be trusted to be complete.
func (r *Registry) Verified() bool { return r.settled() }
