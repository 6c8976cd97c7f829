package consensus

import (
	"sync"
	"sync/atomic"
	"time"
)

// peerState is what is known of the way to another server.
type peerState struct {
	mu      sync.Mutex
	failing time.Time     // since when replication fails; zero when it does not
	wake    chan struct{} // closed when a heartbeat got through

	confirming atomic.Bool                  // a question whether this server still leads is under way
	notice     atomic.Pointer[commitNotice] // the newest commit to be told
	noticing   atomic.Bool
}

// waker returns a channel that the next heartbeat that gets through closes.
func (p *peerState) waker() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wake
}

func (p *peerState) reached() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failing.IsZero() {
		close(p.wake)
		p.wake = make(chan struct{})
	}
}

// fails notes a failure and says whether it is the first.
func (p *peerState) fails() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.failing.IsZero() {
		return false
	}
	p.failing = time.Now()
	return true
}

// works notes a success and returns how long it was failing.
func (p *peerState) works() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing.IsZero() {
		return 0
	}
	since := time.Since(p.failing)
	p.failing = time.Time{}
	return since
}
