package muster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// TLSConfig says who may be a member: whoever holds a certificate that the CA
// has signed, and that carries PeerName. So the CA should be the cluster's own,
// or PeerName be set.
type TLSConfig struct {
	TLSFiles
	// PeerName is a DNS name that the certificate of every member must carry,
	// this one's included: "muster.local", or "*.muster.local" for any label in
	// the star's place. It has nothing to do with how members are reached, so
	// certificates need not know addresses. Empty accepts all names.
	PeerName string
	// VerifyPeer may refuse a peer for reasons of its own, after all else was
	// found in order.
	VerifyPeer func(*x509.Certificate) error
	// OnReload is told when the files have changed: nil when what they hold is
	// now in use, else what is wrong with it; what they held before serves on.
	OnReload func(error)
	TCPOptions
}

// ListenTLS is ListenTCP with everything, packets and streams, in TLS 1.3, where
// both sides show a certificate. The files may be replaced while the node runs:
// they are looked at again for each handshake, once a second at most, and every
// few seconds without one. Streams whose peer's CA was taken out are closed.
//
// Members without TLS cannot join such a cluster, nor the other way round.
func ListenTLS(bind string, cfg TLSConfig) (*TCPTransport, error) {
	s, err := newSecurity(cfg)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", bind, err)
	}
	l, err := listenStreams(bind)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", bind, err)
	}
	return newTCP(l, cfg.TCPOptions, s), nil
}

// tlsSecurity is the TLS side of a transport.
type tlsSecurity struct {
	cfg TLSConfig
	t   *TCPTransport
	id  atomic.Pointer[identity] // in use

	files   sync.Mutex // held while the files are read
	checked time.Time
	stamps  stamps // of what was read last
	failed  string // what was wrong with it

	reminded time.Time // that the certificate runs out; of the watching goroutine

	mu    sync.Mutex
	conns map[*tlsConn]bool // open
}

func newSecurity(cfg TLSConfig) (*tlsSecurity, error) {
	s := &tlsSecurity{cfg: cfg, conns: make(map[*tlsConn]bool)}
	stamps, id, err := cfg.load()
	if err != nil {
		return nil, err
	}
	s.stamps = stamps
	s.id.Store(id)
	return s, nil
}

// client secures a stream that was dialled.
func (s *tlsSecurity) client(ctx context.Context, conn net.Conn) (net.Conn, error) {
	id := s.current()
	c := &tlsConn{Conn: tls.Client(conn, id.client), s: s, usage: x509.ExtKeyUsageServerAuth}
	if err := s.shake(ctx, c); err != nil {
		abort(conn)
		return nil, err
	}
	return c, nil
}

// server secures a stream that came in. On an error it is still open.
func (s *tlsSecurity) server(ctx context.Context, conn net.Conn) (net.Conn, error) {
	id := s.current()
	c := &tlsConn{Conn: tls.Server(conn, id.server), s: s, usage: x509.ExtKeyUsageClientAuth}
	return c, s.shake(ctx, c)
}

// shake does the handshake. It does not close the stream if that fails.
func (s *tlsSecurity) shake(ctx context.Context, c *tlsConn) error {
	ctx, cancel := context.WithTimeout(ctx, greetingTime)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return explain(err)
	}
	c.peer = c.ConnectionState().PeerCertificates
	s.mu.Lock()
	s.conns[c] = true
	s.mu.Unlock()
	// The CA may have been taken out during the handshake.
	if err := s.id.Load().verify(c.peer, c.usage); err != nil {
		s.forget(c)
		return explain(err)
	}
	return nil
}

// tlsConn is a stream over TLS.
type tlsConn struct {
	*tls.Conn
	s     *tlsSecurity
	peer  []*x509.Certificate
	usage x509.ExtKeyUsage // what the peer's certificate is used for
}

// Read says what a peer's alert means: with TLS 1.3 a client hears only after
// the handshake that its certificate was refused.
func (c *tlsConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err != nil {
		err = explain(err)
	}
	return n, err
}

// Close says goodbye.
func (c *tlsConn) Close() error {
	c.s.forget(c)
	return c.Conn.Close()
}

// abort closes without a goodbye, for which the peer might let us wait.
func (c *tlsConn) abort() {
	c.s.forget(c)
	_ = c.NetConn().Close()
}

func (s *tlsSecurity) forget(c *tlsConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// revoke closes the streams to peers that would not be accepted any more.
func (s *tlsSecurity) revoke(id *identity) {
	s.mu.Lock()
	open := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range open {
		if id.verify(c.peer, c.usage) != nil {
			c.abort()
			s.t.counts.revoked.Add(1)
		}
	}
}

// ErrPeerNotTrusted is wrapped by the errors of a stream where one side does not
// accept the other's certificate, or does not speak TLS at all. The stream is
// closed and nothing that was written to it was taken in; it will be the same
// next time, until the certificates are changed.
var ErrPeerNotTrusted = errors.New("no trust between this node and its peer")

// errNoTLS leaves everything as it was.
var errNoTLS = errors.New("the transport does not use TLS")

// ReloadCertificates reads the files of a transport of ListenTLS now. On an
// error the certificates from before stay in use.
func (t *TCPTransport) ReloadCertificates() error {
	if t.secure == nil {
		return errNoTLS
	}
	return t.secure.reload()
}
