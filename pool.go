package muster

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	pooledStreams = 64               // kept open to muster peers
	pooledIdle    = 30 * time.Second // for as long, half of what the peer allows
)

// streamPool keeps streams to muster peers open between messages. A memberlist
// peer closes its after each.
type streamPool struct {
	mu     sync.Mutex
	peers  map[netip.AddrPort]*peerStream
	closed bool
}

// peerStream is the stream to one peer; whoever holds turn uses it.
type peerStream struct {
	turn  chan struct{}
	users int // who hold it or wait for it

	conn net.Conn // nil when there is none
	r    *bufio.Reader
	sent uint32
	idle *time.Timer
	msg  []byte // buffers, used again
	buf  []byte
}

func (p *streamPool) init() { p.peers = make(map[netip.AddrPort]*peerStream) }

// get takes the stream to a peer, waiting for its turn.
func (p *streamPool) get(ctx context.Context, to netip.AddrPort) (*peerStream, error) {
	p.mu.Lock()
	s := p.peers[to]
	if s == nil {
		s = &peerStream{turn: make(chan struct{}, 1)}
		p.peers[to] = s
	}
	s.users++
	p.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		if s.idle != nil {
			s.idle.Stop()
		}
		return s, nil
	case <-ctx.Done():
		p.mu.Lock()
		s.users--
		p.mu.Unlock()
		return nil, ctx.Err()
	}
}

// put gives it back. An open one is closed later unless it is used again.
func (p *streamPool) put(to netip.AddrPort, s *peerStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.users--
	switch {
	case s.conn != nil && (p.closed || s.users == 0 && len(p.peers) > pooledStreams):
		s.drop()
		fallthrough
	case s.conn == nil:
		if s.users == 0 {
			delete(p.peers, to)
		}
	case s.idle == nil:
		s.idle = time.AfterFunc(pooledIdle, func() { p.expire(to, s) })
	default:
		s.idle.Reset(pooledIdle)
	}
	<-s.turn
}

// expire closes a stream that nobody uses.
func (p *streamPool) expire(to netip.AddrPort, s *peerStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.users == 0 && p.peers[to] == s {
		s.drop()
		delete(p.peers, to)
	}
}

func (p *streamPool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for to, s := range p.peers {
		if s.idle != nil {
			s.idle.Stop()
		}
		if s.users == 0 {
			s.drop()
			delete(p.peers, to)
		} else if s.conn != nil {
			_ = s.conn.SetDeadline(time.Now()) // ends what its user waits for
		}
	}
}

func (p *streamPool) drop(s *peerStream) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s.drop()
}

// drop closes the connection. It carried acknowledged messages only, so an
// error in closing it loses nothing.
func (s *peerStream) drop() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}
