package agent

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"github.com/musterhq/muster"
)

// faults is a transport that can be cut off from some addresses, for tests and
// the demo. It is not a stable interface.
//
// Only what goes out is cut. Two sides cut from each other's addresses are
// partitioned in both directions; one side alone makes a one-way fault.
type faults struct {
	muster.Transport

	mu    sync.Mutex
	cutTo map[netip.AddrPort]bool
	conns map[*faultConn]struct{}
}

// faultConn is a dialled connection, closed when its address is cut: a
// partition also silences connections that are already open.
type faultConn struct {
	net.Conn
	to     netip.AddrPort
	owner  *faults
	forget sync.Once
}

func newFaults(t muster.Transport) *faults {
	return &faults{Transport: t, conns: make(map[*faultConn]struct{})}
}

// cut replaces the set of addresses that cannot be reached. An empty one heals.
func (f *faults) cut(addrs []netip.AddrPort) {
	set := make(map[netip.AddrPort]bool, len(addrs))
	for _, a := range addrs {
		set[plain(a)] = true
	}
	f.mu.Lock()
	f.cutTo = set
	var broken []*faultConn
	for c := range f.conns {
		if set[c.to] {
			broken = append(broken, c)
		}
	}
	f.mu.Unlock()
	for _, c := range broken {
		_ = c.Close() // a connection that breaks has nobody to report to
	}
}

func (f *faults) isCut(to netip.AddrPort) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cutTo[plain(to)]
}

// WritePacket loses packets to a cut address silently, as a network does.
func (f *faults) WritePacket(b []byte, to netip.AddrPort) error {
	if f.isCut(to) {
		return nil
	}
	return f.Transport.WritePacket(b, to)
}

// Dial refuses a cut address.
func (f *faults) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	if f.isCut(to) {
		return nil, fmt.Errorf("dial %s: cut off by a debug fault: %w", to, syscall.ECONNREFUSED)
	}
	conn, err := f.Transport.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	c := &faultConn{Conn: conn, to: plain(to), owner: f}
	f.mu.Lock()
	f.conns[c] = struct{}{}
	cut := f.cutTo[c.to] // while it was dialled
	f.mu.Unlock()
	if cut {
		_ = c.Close()
		return nil, fmt.Errorf("dial %s: cut off by a debug fault: %w", to, syscall.ECONNREFUSED)
	}
	return c, nil
}

func (c *faultConn) Close() error {
	c.forget.Do(func() {
		c.owner.mu.Lock()
		delete(c.owner.conns, c)
		c.owner.mu.Unlock()
	})
	return c.Conn.Close()
}

// plain makes an IPv4 address compare equal however the socket reported it.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
