package mustertest

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

const (
	dialMax = 127 * time.Second // how long a system tries, unless told otherwise
	backlog = 1024              // streams that wait to be accepted
)

// Dial implements muster.Transport. Over a link that is cut it waits, as TCP
// does that gets no answer; where nothing listens it is refused.
func (t *transport) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	n := t.net
	n.mu.Lock()
	defer n.mu.Unlock()
	d := &dialing{answered: sync.Cond{L: &n.mu}}
	defer context.AfterFunc(ctx, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		d.answered.Broadcast()
	})()
	if t.closed {
		return nil, t.fail("dial", to, net.ErrClosed)
	}
	n.call(d, t.addr, to)
	for !d.done && ctx.Err() == nil {
		d.answered.Wait()
	}
	d.done = true
	if d.conn != nil {
		return d.conn, nil
	}
	return nil, t.fail("dial", to, cmp.Or(d.err, ctx.Err()))
}

// dialing is a stream that is being opened.
type dialing struct {
	answered sync.Cond
	done     bool // answered, or given up
	conn     *conn
	err      error
}

// call sends the request to the other side, and its answer back.
func (n *Network) call(d *dialing, from, to netip.AddrPort) {
	there := n.link(from, to)
	n.carry(there, parcel{land: func() {
		back := n.link(to, from)
		server, err := n.answer(there, back)
		n.carry(back, parcel{land: func() {
			switch {
			case d.done && err == nil:
				server.peer.reset() // the caller has hung up meanwhile
			case !d.done && err == nil:
				d.conn = server.peer
				fallthrough
			default:
				d.done, d.err = true, err
				d.answered.Broadcast()
			}
		}})
	}})
}

// answer opens the stream on the listening side.
func (n *Network) answer(there, back *link) (*conn, error) {
	t := n.open[there.pair.to]
	if t == nil || there.rule.Refuse || len(t.streams) >= backlog {
		there.counts.Refused++
		return nil, syscall.ECONNREFUSED
	}
	there.counts.Streams++
	local := n.anyPort(there.pair.from.Addr())
	client, server := n.connect(there, back, local)
	n.conns[client] = true
	t.streams = append(t.streams, server)
	t.streamsWake.Signal()
	return server, nil
}

// Accept implements muster.Transport.
func (t *transport) Accept() (net.Conn, error) {
	t.net.mu.Lock()
	defer t.net.mu.Unlock()
	for len(t.streams) == 0 && !t.closed {
		t.streamsWake.Wait()
	}
	if t.closed {
		return nil, t.fail("accept", t.addr, net.ErrClosed)
	}
	c := t.streams[0]
	t.streams = t.streams[1:]
	return c, nil
}
