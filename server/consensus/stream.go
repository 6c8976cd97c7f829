package consensus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// StreamLayer makes the connections among servers. What it hands out is
// trusted: without mutual TLS, whoever reaches the port is a server.
type StreamLayer interface {
	net.Listener

	// Dial connects to another server's Options.Advertise.
	Dial(ctx context.Context, addr string) (net.Conn, error)
}

// Listen makes a StreamLayer on a TCP address. With a TLS configuration both
// sides show a certificate: it is used to serve and to call, so it needs
// Certificates, RootCAs and ClientCAs, and client certificates are required
// whatever its ClientAuth says.
func Listen(bind string, secure *tls.Config) (StreamLayer, error) {
	ln, err := net.Listen("tcp", bind)
	if err != nil {
		return nil, fmt.Errorf("consensus: %w", err)
	}
	l := &tcpLayer{Listener: ln}
	if secure != nil {
		if len(secure.Certificates) == 0 && secure.GetCertificate == nil || secure.ClientCAs == nil || secure.RootCAs == nil {
			return nil, errors.Join(errors.New("consensus: mutual TLS needs Certificates, RootCAs and ClientCAs"), ln.Close())
		}
		l.client = secure.Clone()
		server := secure.Clone()
		server.ClientAuth = tls.RequireAndVerifyClientCert
		l.Listener = tls.NewListener(ln, server)
	}
	return l, nil
}

type tcpLayer struct {
	net.Listener
	client *tls.Config
}

// Dial implements StreamLayer.
func (l *tcpLayer) Dial(ctx context.Context, addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: 15 * time.Second}
	if l.client == nil {
		return d.DialContext(ctx, "tcp", addr)
	}
	return (&tls.Dialer{NetDialer: &d, Config: l.client}).DialContext(ctx, "tcp", addr)
}
