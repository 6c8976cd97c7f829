package muster

import (
	"container/list"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	peerQueue    = 256 << 10       // bytes of packets that wait for one peer
	totalQueue   = 32 << 20        // and for all peers together
	dialTime     = 3 * time.Second // to open a stream for packets
	echoEvery    = time.Second     // how often a stream in use is asked for an echo
	echoTime     = 3 * time.Second // without one a stream is given up
	backoffLeast = 100 * time.Millisecond
	backoffMost  = 2 * time.Second
	streamAge    = 20 * time.Minute // a stream is opened anew, so that certificates are looked at again
	queueKept    = 4 << 10          // bytes of a peer's buffers that are kept for the next packets
)

// outgoing are the streams that packets leave by.
type outgoing struct {
	t       *TCPTransport
	mu      sync.Mutex // guards what follows and every peer; never held while anything blocks
	peers   map[netip.AddrPort]*outPeer
	order   list.List // of *outPeer, the one used last at the back
	waiting int       // bytes in all queues
	sweep   *time.Timer
	closed  bool
}

// outPeer is the way to one peer. A goroutine writes while there is something
// to write; another one reads echoes while there is a stream, and so notices
// its end.
type outPeer struct {
	to    netip.AddrPort
	place *list.Element // nil when it was given up
	used  time.Time

	queue   []byte // frames
	writing bool

	conn     net.Conn // nil when there is none
	opened   time.Time
	proven   bool      // an echo came back over conn
	asked    time.Time // the last echo was asked for then
	missing  bool      // and has not come
	failures int       // since a stream was last proven
	retry    time.Time // not to be dialled before
}

func (o *outgoing) init(t *TCPTransport) {
	o.t, o.peers = t, make(map[netip.AddrPort]*outPeer)
}

// WritePacket queues a packet for a peer. A peer that cannot be reached costs
// nothing but the packet.
func (t *TCPTransport) WritePacket(b []byte, to netip.AddrPort) error {
	if len(b) == 0 || len(b) > frameMax {
		return fmt.Errorf("packet of %d bytes: %w", len(b), ErrTooLarge)
	}
	o := &t.out
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return net.ErrClosed
	}
	p := o.peer(netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), now)
	if p.conn == nil && now.Before(p.retry) {
		t.counts.dropped.Add(1)
		return nil
	}
	o.enqueue(p, b)
	if !p.writing && len(p.queue) > 0 {
		p.writing = true
		t.work.Go(func() { o.write(p) })
	}
	return nil
}

// peer returns the way to a peer, as the one used last.
func (o *outgoing) peer(to netip.AddrPort, now time.Time) *outPeer {
	p := o.peers[to]
	if p == nil {
		if len(o.peers) >= o.t.opts.MaxPeers {
			o.t.counts.evicted.Add(1)
			o.giveUp(o.order.Front().Value.(*outPeer))
		}
		p = &outPeer{to: to}
		p.place, o.peers[to] = o.order.PushBack(p), p
		o.sweepLater()
	}
	p.used = now
	o.order.MoveToBack(p.place)
	return p
}

// write sends what waits for a peer until nothing does.
func (o *outgoing) write(p *outPeer) {
	var batch []byte
	for {
		var head int
		conn, ok := o.begin(p)
		if !ok {
			return
		}
		fresh := conn == nil
		if fresh {
			var err error
			if conn, err = o.open(p); err != nil {
				o.failed(p, err)
				continue // begin has the last word
			}
		}
		if batch, head = o.take(p, batch, fresh); batch == nil {
			continue // given up meanwhile
		}
		err := conn.SetWriteDeadline(time.Now().Add(echoTime))
		if err == nil {
			_, err = conn.Write(batch)
		}
		if err != nil {
			o.t.lost(batch[head:])
			o.ended(p, conn, err)
		}
	}
}

// begin returns the stream to write to, nil if there is none; not ok ends the
// writer.
func (o *outgoing) begin(p *outPeer) (conn net.Conn, ok bool) {
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case p.conn == nil:
	case p.missing && now.Sub(p.asked) > echoTime: // it leads nowhere any more
		discard(p.conn)
		p.conn = nil
		if !p.proven {
			o.leaveAlone(p)
		}
	case now.Sub(p.opened) > streamAge:
		o.hangUp(p)
	}
	if p.conn == nil && now.Before(p.retry) {
		o.drop(p)
	}
	if len(p.queue) == 0 || p.place == nil || o.closed {
		p.writing = false
		return nil, false
	}
	return p.conn, true
}

// open opens a stream to a peer.
func (o *outgoing) open(p *outPeer) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(o.t.ctx, dialTime)
	defer cancel()
	conn, err := o.t.Dial(ctx, p.to)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || p.place == nil {
		abort(conn)
		return nil, net.ErrClosed
	}
	o.t.counts.opened.Add(1)
	p.conn, p.opened, p.proven, p.missing, p.asked = conn, time.Now(), false, false, time.Time{}
	o.t.work.Go(func() { o.listen(p, conn) })
	return conn, nil
}

// take returns what is to be written, in the buffer of the batch before, and
// where in it the packets begin.
func (o *outgoing) take(p *outPeer, last []byte, fresh bool) (batch []byte, head int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(p.queue) == 0 {
		return nil, 0
	}
	if cap(last) > queueKept {
		last = nil
	}
	batch = last[:0]
	if fresh {
		batch = appendPreface(batch, o.t.Addr().Port())
	}
	if now := time.Now(); !p.missing && now.Sub(p.asked) >= echoEvery {
		batch, p.asked, p.missing = appendEcho(batch), now, true
	}
	head = len(batch)
	batch = append(batch, p.queue...)
	o.waiting -= len(p.queue)
	if p.queue = p.queue[:0]; cap(p.queue) > queueKept {
		p.queue = nil
	}
	return batch, head
}
