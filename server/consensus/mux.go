package consensus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"
)

// helloTimeout bounds the first exchange; maxGreeting how many calls may be in
// it at once, and maxConns how many connections are held at all.
const (
	helloTimeout = 5 * time.Second
	maxGreeting  = 256
	maxConns     = 4096
)

// mux owns the port: it greets callers and gives each connection to its service.
type mux struct {
	stream  StreamLayer
	self    string
	addr    string
	dir     *dataDir
	log     *slog.Logger
	adopt   func(h hello) error           // a cluster claims this server
	leads   func() bool                   // this server leads
	peers   func(from string, c net.Conn) // serves a peers connection, returns when it is done
	idle    func() bool                   // no Raft here any more
	raft    chan net.Conn
	greeted chan struct{} // a slot for each call in its first exchange

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

func newMux(stream StreamLayer, self, addr string, dir *dataDir, log *slog.Logger) *mux {
	m := &mux{
		stream: stream, self: self, addr: addr, dir: dir, log: log,
		raft:    make(chan net.Conn),
		greeted: make(chan struct{}, maxGreeting),
		conns:   make(map[net.Conn]struct{}),
	}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	return m
}

// serve accepts until the stream is closed.
func (m *mux) serve() {
	m.wg.Add(1)
	defer m.wg.Done()
	pause := time.Millisecond
	for {
		c, err := m.stream.Accept()
		if m.ctx.Err() != nil {
			if err == nil {
				_ = c.Close() // nobody is told: it was accepted too late
			}
			return
		}
		if err != nil {
			m.log.Warn("accepting a connection", "err", err)
			select {
			case <-time.After(pause):
			case <-m.ctx.Done():
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		select {
		case m.greeted <- struct{}{}:
			m.wg.Add(1)
			go m.greet(c)
		default:
			m.log.Warn("too many callers that say nothing", "from", c.RemoteAddr())
			_ = c.Close() // refused
		}
	}
}

// greet does the first exchange and hands the connection on.
func (m *mux) greet(c net.Conn) {
	defer m.wg.Done()
	if !m.track(c) {
		<-m.greeted
		_ = c.Close() // refused
		return
	}
	h, err := m.answer(c)
	<-m.greeted
	if err != nil {
		m.untrack(c)
		if m.ctx.Err() == nil {
			m.log.Debug("refused a caller", "remote", c.RemoteAddr(), "from", h.from, "err", err)
		}
		return
	}
	if h.service == serviceRaft {
		select {
		case m.raft <- &trackedConn{Conn: c, mux: m}:
		case <-m.ctx.Done():
			m.untrack(c)
		}
		return
	}
	m.peers(h.from, c)
	m.untrack(c)
}

// answer reads a call and says whether it is welcome.
func (m *mux) answer(c net.Conn) (hello, error) {
	if err := c.SetDeadline(time.Now().Add(helloTimeout)); err != nil {
		return hello{}, err
	}
	h, err := readHello(c)
	if err != nil {
		return h, err
	}
	w := welcome{server: m.self}
	w.code, w.cluster, err = m.judge(h)
	if _, werr := c.Write(w.append(nil)); err == nil {
		err = werr
	}
	if err != nil {
		return h, err
	}
	return h, c.SetDeadline(time.Time{})
}

// judge decides about a call; a server without a cluster is taken in by the
// leader that speaks Raft to it.
func (m *mux) judge(h hello) (helloCode, clusterID, error) {
	_, mine := m.dir.certificate()
	if h.to != "" && h.to != m.self {
		return helloOtherServer, mine, fmt.Errorf("%w: called %s", ErrOtherServer, h.to)
	}
	if h.service == serviceRaft {
		if m.idle() {
			return helloClosing, mine, ErrStopped
		}
		if h.cluster == (clusterID{}) {
			return helloNoCluster, mine, errors.New("a call for Raft without a cluster")
		}
		if mine == (clusterID{}) {
			if err := m.adopt(h); err != nil {
				return helloNotYours, mine, err
			}
			return helloWelcome, h.cluster, nil
		}
	}
	if h.cluster != (clusterID{}) && mine != (clusterID{}) && h.cluster != mine {
		return helloOtherCluster, mine, fmt.Errorf("%w: %v", ErrOtherCluster, h.cluster)
	}
	return helloWelcome, mine, nil
}

// dial calls another server. to may be empty when only the address is known.
func (m *mux) dial(ctx context.Context, service byte, to, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, helloTimeout)
	defer cancel()
	c, err := m.stream.Dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	if !m.track(c) {
		return nil, errors.Join(ErrClosed, c.Close())
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() }) // unblocks the exchange below
	err = m.call(c, service, to)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		m.untrack(c)
		return nil, fmt.Errorf("calling %s at %s: %w", to, addr, err)
	}
	return &trackedConn{Conn: c, mux: m}, nil
}

func (m *mux) call(c net.Conn, service byte, to string) error {
	_, mine := m.dir.certificate()
	h := hello{service: service, leads: m.leads(), cluster: mine, from: m.self, to: to}
	if _, err := c.Write(h.append(nil)); err != nil {
		return err
	}
	w, err := readWelcome(c)
	if err != nil {
		return err
	}
	return w.err(h)
}

// spawn runs f beside everything else; close waits for it. It says whether f
// will run.
func (m *mux) spawn(f func()) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		return false
	}
	m.wg.Add(1)
	go func() {
		defer m.wg.Done()
		f()
	}()
	return true
}

// track counts a connection in, unless the node closes or has too many.
func (m *mux) track(c net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil || len(m.conns) >= maxConns {
		return false
	}
	m.conns[c] = struct{}{}
	return true
}

// untrack closes a connection and forgets it.
func (m *mux) untrack(c net.Conn) {
	m.mu.Lock()
	delete(m.conns, c)
	m.mu.Unlock()
	_ = c.Close() // the other side sees it; nothing is left to do about a failure
}

// close closes the port and every connection, and waits for their servants.
func (m *mux) close() error {
	m.mu.Lock()
	m.cancel()
	for c := range m.conns {
		_ = c.Close() // its servant notices
	}
	m.mu.Unlock()
	err := m.stream.Close()
	m.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// trackedConn is forgotten when whoever holds it closes it.
type trackedConn struct {
	net.Conn
	mux *mux
}

func (c *trackedConn) Close() error {
	c.mux.mu.Lock()
	delete(c.mux.conns, c.Conn)
	c.mux.mu.Unlock()
	return c.Conn.Close()
}
