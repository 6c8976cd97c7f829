package health

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"syscall"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// How long a check may take. A worker is busy for as long.
const (
	tcpTimeout   = time.Second
	httpTimeout  = 3 * time.Second
	mysqlTimeout = 3 * time.Second
)

// ErrDenied says that the address is one that checks do not connect to.
var ErrDenied = errors.New("address is not checked")

// DefaultDeny are addresses that are of the host itself or of whoever runs it,
// not of an instance: those at which clouds tell a host its credentials, and
// those that mean no one host. Loopback is not among them, for servers and
// instances may share a host; add it where they never do.
func DefaultDeny() []netip.Prefix {
	var out []netip.Prefix
	for _, s := range []string{
		"0.0.0.0/8", "169.254.0.0/16", "100.100.100.200/32", "192.0.0.192/32", "224.0.0.0/4", "255.255.255.255/32",
		"::/128", "fe80::/10", "fd00:ec2::254/128", "ff00::/8",
	} {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// Probes is the [Prober] that connects to instances.
type Probes struct {
	deny   []netip.Prefix
	dialer net.Dialer
}

// NewProbes makes one that does not connect to what deny has.
func NewProbes(deny []netip.Prefix) *Probes {
	p := &Probes{deny: deny}
	p.dialer = net.Dialer{Control: p.control, KeepAlive: -1}
	return p
}

// control is asked about the address that is to be connected to, after a name
// was resolved: a name that has one address when it is looked at and another
// when it is connected to gains nothing.
func (p *Probes) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDenied, err)
	}
	ip := ap.Addr().Unmap().WithZone("")
	for _, d := range p.deny {
		if d.Contains(ip) {
			return fmt.Errorf("%w: %s", ErrDenied, ip)
		}
	}
	return nil
}

// hostName is what can be looked up.
var hostName = regexp.MustCompile(`^[0-9A-Za-z]([0-9A-Za-z._-]*[0-9A-Za-z])?\.?$`)

// Probe checks a target.
func (p *Probes) Probe(ctx context.Context, t Target) error {
	if _, err := netip.ParseAddr(t.Host); err != nil && !hostName.MatchString(t.Host) {
		return fmt.Errorf("%q is neither an address nor a host's name", t.Host)
	}
	addr := net.JoinHostPort(t.Host, strconv.Itoa(int(t.Port)))
	switch t.Checker.Type {
	case registry.CheckTCP:
		ctx, cancel := context.WithTimeout(ctx, tcpTimeout)
		defer cancel()
		return p.tcp(ctx, addr)
	case registry.CheckHTTP:
		ctx, cancel := context.WithTimeout(ctx, httpTimeout)
		defer cancel()
		return p.http(ctx, addr, t.Checker)
	case registry.CheckMySQL:
		ctx, cancel := context.WithTimeout(ctx, mysqlTimeout)
		defer cancel()
		return p.mysql(ctx, addr, t.Checker)
	}
	return fmt.Errorf("unknown check %q", t.Checker.Type)
}

// connect returns a connection that ends with ctx, and what closes it.
func (p *Probes) connect(ctx context.Context, addr string) (net.Conn, func() error, error) {
	conn, err := p.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // if it fails the connection is closed already
	})
	return conn, func() error { stop(); return conn.Close() }, nil
}

// tcp succeeds if there is somebody to connect to.
func (p *Probes) tcp(ctx context.Context, addr string) error {
	c, err := p.dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	// Reset it: closed in order, thousands of connections a second would wait
	// for their minute to be over (TIME-WAIT), here.
	if tc, ok := c.(*net.TCPConn); ok {
		if err := tc.SetLinger(0); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}
