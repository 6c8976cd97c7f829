package consensus

import (
	"context"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// raftStream is the engine's view of the port: a raft.StreamLayer.
type raftStream struct{ m *mux }

// Accept implements net.Listener.
func (s raftStream) Accept() (net.Conn, error) {
	select {
	case c := <-s.m.raft:
		return c, nil
	case <-s.m.ctx.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener; the port outlives the engine.
func (s raftStream) Close() error { return nil }

// Addr implements net.Listener.
func (s raftStream) Addr() net.Addr { return advertised(s.m.addr) }

// Dial implements raft.StreamLayer.
func (s raftStream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.m.ctx, timeout)
	defer cancel()
	to, addr := splitPeer(string(address))
	return s.m.dial(ctx, serviceRaft, to, addr)
}

// advertised is an address as others know it.
type advertised string

func (a advertised) Network() string { return "tcp" }
func (a advertised) String() string  { return string(a) }

// joinPeer and splitPeer make one string of who and where, so that what the
// engine treats as an address also says who is meant.
func joinPeer(id, addr string) string { return id + "@" + addr }

func splitPeer(s string) (id, addr string) {
	if id, addr, ok := strings.Cut(s, "@"); ok {
		return id, addr
	}
	return "", s
}

var _ raft.StreamLayer = raftStream{}
