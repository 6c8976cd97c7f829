package muster

import (
	"net"
	"net/netip"
	"time"
)

// listen reads echoes until the stream ends.
func (o *outgoing) listen(p *outPeer, conn net.Conn) {
	var b [16]byte
	for {
		if _, err := conn.Read(b[:]); err != nil {
			o.ended(p, conn, err)
			return
		}
		o.mu.Lock()
		if p.conn == conn {
			p.proven, p.missing, p.failures = true, false, 0
		}
		o.mu.Unlock()
	}
}

// ended tells that a stream has. One over which no echo ever came was not
// really open: a peer that does not take our certificate says so by closing.
func (o *outgoing) ended(p *outPeer, conn net.Conn, err error) {
	o.mu.Lock()
	mine, proven := p.conn == conn, p.proven
	if mine {
		o.hangUp(p)
	}
	o.mu.Unlock()
	if mine && !proven {
		o.failed(p, err)
	}
}

// hangUp closes the stream to a peer; the next packet opens another.
func (o *outgoing) hangUp(p *outPeer) {
	if p.conn != nil {
		abort(p.conn)
		p.conn = nil
	}
}

// failed tells that a peer could not be reached.
func (o *outgoing) failed(p *outPeer, err error) {
	o.mu.Lock()
	o.leaveAlone(p)
	o.drop(p)
	tell := p.failures == 1 && !o.closed && o.t.secure != nil // what is wrong with TLS does not pass by itself
	o.mu.Unlock()
	if tell {
		o.t.complain("no way to a peer", p.to, err)
	}
}

// leaveAlone has a peer not dialled again for a while.
func (o *outgoing) leaveAlone(p *outPeer) {
	o.t.counts.openFailed.Add(1)
	p.retry = time.Now().Add(min(backoffLeast<<min(p.failures, 10), backoffMost))
	p.failures++
}

// heard tells that a peer has opened a stream to us: it is there.
func (o *outgoing) heard(from netip.AddrPort) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if p := o.peers[from]; p != nil {
		p.retry = time.Time{}
	}
}

// giveUp forgets a peer.
func (o *outgoing) giveUp(p *outPeer) {
	o.hangUp(p)
	o.drop(p)
	o.order.Remove(p.place)
	p.place = nil
	delete(o.peers, p.to)
}

// sweepLater has peers forgotten that have not been written to for a while.
func (o *outgoing) sweepLater() {
	if o.sweep == nil {
		o.sweep = time.AfterFunc(o.t.opts.IdleTimeout/2, o.sweepNow)
	}
}

func (o *outgoing) sweepNow() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sweep = nil
	if o.closed {
		return
	}
	limit := time.Now().Add(-o.t.opts.IdleTimeout)
	for e := o.order.Front(); e != nil; e = o.order.Front() {
		p := e.Value.(*outPeer)
		if p.used.After(limit) {
			o.sweepLater()
			return
		}
		o.giveUp(p)
	}
}

// close gives all peers up, and takes no more packets.
func (o *outgoing) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	if o.sweep != nil {
		o.sweep.Stop()
	}
	for e := o.order.Front(); e != nil; e = o.order.Front() {
		o.giveUp(e.Value.(*outPeer))
	}
}
