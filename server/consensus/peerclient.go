package consensus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// errNotSent: the call never left this server, so the other cannot have acted on it.
var errNotSent = errors.New("not sent")

// errGivenUp: somebody else leads meanwhile.
var errGivenUp = errors.New("given up for another leader")

// peerClient makes calls to other servers, over one connection to each.
type peerClient struct {
	mux   *mux
	where func(id string) (string, bool)

	mu    sync.Mutex
	conns map[string]*peerConn
}

// peerConn is a connection being made, or made, or broken.
type peerConn struct {
	to    string
	ready chan struct{} // closed when c or err is set
	c     net.Conn
	err   error

	mu      sync.Mutex
	broken  error
	next    uint64
	pending map[uint64]chan<- result
	out     [][]byte
	wake    chan struct{}
}

// result is how a call ended. An error other than errNotSent means that the
// call may have arrived.
type result struct {
	reply reply
	err   error
}

func newPeerClient(m *mux, where func(string) (string, bool)) *peerClient {
	return &peerClient{mux: m, where: where, conns: make(map[string]*peerConn)}
}

// call asks another server and waits for the answer, until ctx ends or giveUp
// is closed.
func (p *peerClient) call(ctx context.Context, giveUp <-chan struct{}, to string, kind frameKind, body []byte) (reply, error) {
	done, err := p.start(ctx, giveUp, to, kind, body)
	if err != nil {
		return reply{}, err
	}
	select {
	case r := <-done:
		return r.reply, r.err
	case <-giveUp:
		return reply{}, errGivenUp
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	}
}

// start sends a call; the result arrives on the channel, which nobody need read.
// An error means that nothing was sent.
func (p *peerClient) start(ctx context.Context, giveUp <-chan struct{}, to string, kind frameKind, body []byte) (<-chan result, error) {
	c, err := p.conn(ctx, giveUp, to)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	done := make(chan result, 1)
	if err := c.send(kind, body, done); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	return done, nil
}

// conn returns the connection to a server, made now when there is none.
func (p *peerClient) conn(ctx context.Context, giveUp <-chan struct{}, to string) (*peerConn, error) {
	p.mu.Lock()
	c := p.conns[to]
	if c == nil {
		c = &peerConn{
			to: to, ready: make(chan struct{}),
			pending: make(map[uint64]chan<- result), wake: make(chan struct{}, 1),
		}
		p.conns[to] = c
		p.mu.Unlock()
		p.open(c)
	} else {
		p.mu.Unlock()
	}
	select {
	case <-c.ready:
		return c, c.err
	case <-giveUp:
		return nil, errGivenUp
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// open connects in the background: whoever asked may give up before.
func (p *peerClient) open(c *peerConn) {
	started := p.mux.spawn(func() {
		addr, ok := p.where(c.to)
		if !ok {
			c.err = fmt.Errorf("the address of server %s is not known", c.to)
		} else {
			c.c, c.err = p.mux.dial(p.mux.ctx, servicePeers, c.to, addr)
		}
		if c.err != nil {
			p.forget(c)
			close(c.ready)
			return
		}
		close(c.ready)
		p.mux.spawn(func() { c.write() })
		c.read()
		p.forget(c)
	})
	if !started {
		c.err = ErrClosed
		p.forget(c)
		close(c.ready)
	}
}

// forget makes the next call connect anew.
func (p *peerClient) forget(c *peerConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conns[c.to] == c {
		delete(p.conns, c.to)
	}
}

// send queues a call. An error means it will not be sent.
func (c *peerConn) send(kind frameKind, body []byte, done chan<- result) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.next++
	c.pending[c.next] = done
	c.out = append(c.out, encodeFrame(kind, c.next, body))
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return nil
}

// write sends what is queued, many frames with one system call.
func (c *peerConn) write() {
	w := bufio.NewWriterSize(c.c, 64<<10)
	for range c.wake {
		c.mu.Lock()
		out, broken := c.out, c.broken
		c.out = nil
		c.mu.Unlock()
		if broken != nil {
			return
		}
		err := c.c.SetWriteDeadline(time.Now().Add(10 * time.Second))
		for _, b := range out {
			if err == nil {
				_, err = w.Write(b)
			}
		}
		if err == nil {
			err = w.Flush()
		}
		if err != nil {
			c.breakUp(err)
			return
		}
	}
}

// read hands out the answers until the connection ends.
func (c *peerConn) read() {
	r := bufio.NewReaderSize(c.c, 64<<10)
	for {
		f, err := readFrame(r)
		var answer reply
		if err == nil {
			answer, err = decodeReply(f)
		}
		if err != nil {
			c.breakUp(err)
			return
		}
		c.mu.Lock()
		done := c.pending[f.id]
		delete(c.pending, f.id)
		c.mu.Unlock()
		if done != nil {
			done <- result{reply: answer}
		}
	}
}

// breakUp ends the connection: what is pending may have arrived or not.
func (c *peerConn) breakUp(err error) {
	c.mu.Lock()
	if c.broken == nil {
		c.broken = fmt.Errorf("connection to %s: %w", c.to, err)
	}
	pending := c.pending
	c.pending, c.out = nil, nil
	err = c.broken
	c.mu.Unlock()
	_ = c.c.Close() // it is broken
	for _, done := range pending {
		done <- result{err: err}
	}
	select {
	case c.wake <- struct{}{}: // the writer sees broken
	default:
	}
}
