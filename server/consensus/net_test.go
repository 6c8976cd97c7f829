package consensus

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"
)

// testNet is a loopback network among named nodes in which links can be cut
// and reset. A cut link holds what is written, as TCP does, and lets it
// through when it is healed.
type testNet struct {
	mu    sync.Mutex
	cond  *sync.Cond
	addrs map[string]string // name by listening address
	ports map[string]string // name by the local address of a dialled connection
	cut   map[[2]string]bool
	conns map[*testConn]struct{}
}

func newTestNet() *testNet {
	n := &testNet{
		addrs: map[string]string{}, ports: map[string]string{}, cut: map[[2]string]bool{},
		conns: map[*testConn]struct{}{},
	}
	n.cond = sync.NewCond(&n.mu)
	return n
}

// cutLink cuts or heals both directions between two nodes.
func (n *testNet) cutLink(a, b string, cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut[[2]string{a, b}], n.cut[[2]string{b, a}] = cut, cut
	n.cond.Broadcast()
}

// isolate cuts or heals a node from all others.
func (n *testNet) isolate(name string, cut bool, all []string) {
	for _, other := range all {
		if other != name {
			n.cutLink(name, other, cut)
		}
	}
}

// reset breaks all connections of a node, as when its process is killed.
func (n *testNet) reset(name string) {
	n.mu.Lock()
	var conns []*testConn
	for c := range n.conns {
		if c.local == name || n.remote(c) == name {
			conns = append(conns, c)
		}
	}
	n.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// remote is the name at the other end; n.mu is held.
func (n *testNet) remote(c *testConn) string {
	if c.to != "" {
		return c.to
	}
	return n.ports[c.Conn.RemoteAddr().String()]
}

// layer makes the StreamLayer of a node.
func (n *testNet) layer(t testing.TB, name, bind string) *testLayer {
	t.Helper()
	ln, err := net.Listen("tcp", bind)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs[ln.Addr().String()] = name
	return &testLayer{Listener: ln, net: n, name: name}
}

type testLayer struct {
	net.Listener
	net  *testNet
	name string
}

func (l *testLayer) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.net.wrap(c, l.name, ""), nil
}

func (l *testLayer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	l.net.mu.Lock()
	to := l.net.addrs[addr]
	cut := l.net.cut[[2]string{l.name, to}]
	l.net.mu.Unlock()
	if cut {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return l.net.wrap(c, l.name, to), nil
}

func (n *testNet) wrap(c net.Conn, local, to string) *testConn {
	tc := &testConn{Conn: c, net: n, local: local, to: to}
	n.mu.Lock()
	defer n.mu.Unlock()
	if to != "" {
		n.ports[c.LocalAddr().String()] = local
	}
	n.conns[tc] = struct{}{}
	return tc
}

type testConn struct {
	net.Conn
	net       *testNet
	local, to string
	deadline  time.Time
	closed    bool
}

// Write waits while the link is cut.
func (c *testConn) Write(b []byte) (int, error) {
	c.net.mu.Lock()
	for !c.closed && c.net.cut[[2]string{c.local, c.net.remote(c)}] {
		if !c.deadline.IsZero() {
			left := time.Until(c.deadline)
			if left <= 0 {
				c.net.mu.Unlock()
				return 0, os.ErrDeadlineExceeded
			}
			time.AfterFunc(left+time.Millisecond, func() {
				c.net.mu.Lock()
				defer c.net.mu.Unlock()
				c.net.cond.Broadcast()
			})
		}
		c.net.cond.Wait()
	}
	closed := c.closed
	c.net.mu.Unlock()
	if closed {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(b)
}

func (c *testConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *testConn) SetWriteDeadline(t time.Time) error {
	c.net.mu.Lock()
	c.deadline = t
	c.net.cond.Broadcast()
	c.net.mu.Unlock()
	return c.Conn.SetWriteDeadline(t)
}

func (c *testConn) Close() error {
	c.net.mu.Lock()
	c.closed = true
	delete(c.net.conns, c)
	c.net.cond.Broadcast()
	c.net.mu.Unlock()
	return c.Conn.Close()
}
