package muster

import (
	"context"
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/musterhq/muster/wire"
)

const (
	pooledStreams = 64               // kept open to peers while nothing is under way
	pooledMost    = 1024             // in all
	pooledIdle    = 30 * time.Second // how long one is kept, half of what the peer allows
)

// streamPool holds the streams of messages to peers, one for each, opened when
// there is something to send and closed when there was nothing for a while.
type streamPool struct {
	n    *Node
	seed maphash.Seed

	mu     sync.Mutex
	links  map[netip.AddrPort]*link
	epochs uint64
	closed bool
}

func (p *streamPool) init(n *Node) {
	p.n, p.seed, p.links = n, maphash.MakeSeed(), make(map[netip.AddrPort]*link)
}

// session is what the peer at an address knows this process by. It is another
// one for each address, so that a peer with two has a stream over either.
func (p *streamPool) session(to netip.AddrPort) uint64 { return maphash.Comparable(p.seed, to) }

// call makes one send or request. It is made again on another stream if its
// own has ended before it was written, and then only.
func (p *streamPool) call(ctx context.Context, to peer, f *wire.Frame) (reply []byte, err error) {
	for range 3 {
		l, err := p.get(ctx, to)
		if err != nil {
			return nil, err
		}
		if reply, err = l.roundTrip(ctx, f); !errors.Is(err, errRetry) {
			return reply, err
		}
	}
	return nil, errRetry
}

// get returns the link to a peer once it is up.
func (p *streamPool) get(ctx context.Context, to peer) (*link, error) {
	l, err := p.link(to)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.up:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.open {
		return nil, l.err
	}
	return l, nil
}

var errMoved = errors.New("another member has taken the address over")

// link returns the link to a peer, perhaps one that is being opened.
func (p *streamPool) link(to peer) (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, ErrClosed
	}
	l := p.links[to.addr]
	if l != nil && l.to.name != to.name && l.to.name != "" && to.name != "" {
		// Another member has taken the address over.
		delete(p.links, to.addr)
		p.n.work.Go(func() { l.close(errMoved) })
		l = nil
	}
	if l != nil && !l.ended() {
		return l, nil
	}
	if len(p.links) >= pooledMost {
		return nil, ErrBusy
	}
	l = &link{n: p.n, to: to, up: make(chan struct{}), calls: make(map[uint64]*pending)}
	p.links[to.addr] = l
	p.epochs++
	epoch := p.epochs
	p.n.work.Go(func() { l.run(epoch) })
	return l, nil
}

// remove forgets a link that is of no more use. Who looks for one from then on
// opens another, and who has found this one cannot begin a call.
func (p *streamPool) remove(l *link, why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = why
	}
	if p.links[l.to.addr] == l {
		delete(p.links, l.to.addr)
	}
}

// ended tells whether no call can begin on a link.
func (l *link) ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// crowded tells whether a link that is not used now is one too many.
func (p *streamPool) crowded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links) > pooledStreams
}

// open returns how many links there are and how many calls are under way.
func (p *streamPool) open() (links, calls int) {
	p.mu.Lock()
	all := make([]*link, 0, len(p.links))
	for _, l := range p.links {
		all = append(all, l)
	}
	p.mu.Unlock()
	for _, l := range all {
		l.mu.Lock()
		calls += len(l.calls)
		l.mu.Unlock()
	}
	return len(all), calls
}

// close ends all links. No goroutine begins for one from then on.
func (p *streamPool) close() {
	p.mu.Lock()
	p.closed = true
	all := make([]*link, 0, len(p.links))
	for _, l := range p.links {
		all = append(all, l)
	}
	p.mu.Unlock()
	for _, l := range all {
		l.close(ErrClosed)
	}
}

// close ends a link. One that is being opened ends when it is.
func (l *link) close(why error) {
	l.mu.Lock()
	open := l.open
	if !open && l.err == nil {
		l.err = why
	}
	l.mu.Unlock()
	if open {
		l.end(why)
	}
}
