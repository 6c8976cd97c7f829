package grpcapi

import (
	"net"
	"sync"
)

// A tracker remembers the sockets of connections, for grpc gives no way to
// end one connection of a server.
type tracker struct {
	net.Listener
	server *Server
}

func socketKey(local, remote net.Addr) string { return local.String() + "|" + remote.String() }

// Accept waits for the next connection.
func (t *tracker) Accept() (net.Conn, error) {
	nc, err := t.Listener.Accept()
	if err != nil {
		return nil, err
	}
	tc := &tracked{Conn: nc, server: t.server, key: socketKey(nc.LocalAddr(), nc.RemoteAddr())}
	t.server.mu.Lock()
	t.server.sockets[tc.key] = tc
	t.server.mu.Unlock()
	return tc, nil
}

type tracked struct {
	net.Conn
	server *Server
	key    string
	once   sync.Once
}

// Close closes the connection.
func (t *tracked) Close() error {
	t.once.Do(func() {
		t.server.mu.Lock()
		if t.server.sockets[t.key] == net.Conn(t) {
			delete(t.server.sockets, t.key)
		}
		t.server.mu.Unlock()
	})
	return t.Conn.Close()
}

// cut ends a connection.
func (s *Server) cut(c *conn) {
	s.mu.Lock()
	nc := s.sockets[c.socket]
	s.mu.Unlock()
	if nc != nil {
		_ = nc.Close() // its end is noticed by grpc, whatever Close says
	}
}
