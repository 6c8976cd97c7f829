package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
)

// faultyTransport is memberlist's own transport with a pair of pliers: what
// goes out to a cut address is lost, and dialling it is refused. Cutting both
// sides of a link makes a partition.
type faultyTransport struct {
	*memberlist.NetTransport
	cut atomic.Pointer[map[string]bool]
}

// newFaultyTransport binds as memberlist.Create would have done, which cannot
// find its own port when it is handed a transport.
func newFaultyTransport(c *memberlist.Config) (*faultyTransport, error) {
	const tries = 10 // a port free for TCP may be taken for UDP
	for i := 1; ; i++ {
		t, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{c.BindAddr},
			BindPort:  c.BindPort,
			Logger:    c.Logger,
		})
		if err == nil {
			if c.BindPort == 0 {
				c.BindPort = t.GetAutoBindPort()
			}
			if c.AdvertisePort == 0 {
				c.AdvertisePort = c.BindPort
			}
			f := &faultyTransport{NetTransport: t}
			f.cut.Store(&map[string]bool{})
			return f, nil
		}
		if c.BindPort != 0 || i == tries || !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("bind: %w", err)
		}
	}
}

// setCut replaces the set of cut addresses.
func (f *faultyTransport) setCut(addrs []string) error {
	cut := make(map[string]bool, len(addrs))
	for _, s := range addrs {
		a, err := netip.ParseAddrPort(s)
		if err != nil {
			return fmt.Errorf("cut %q: %w", s, err)
		}
		cut[a.String()] = true
	}
	f.cut.Store(&cut)
	return nil
}

func (f *faultyTransport) isCut(addr string) bool { return (*f.cut.Load())[addr] }

func (f *faultyTransport) WriteTo(b []byte, addr string) (time.Time, error) {
	return f.WriteToAddress(b, memberlist.Address{Addr: addr})
}

func (f *faultyTransport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	if f.isCut(a.Addr) {
		return time.Now(), nil
	}
	return f.NetTransport.WriteToAddress(b, a)
}

func (f *faultyTransport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return f.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

func (f *faultyTransport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	if f.isCut(a.Addr) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	return f.NetTransport.DialAddressTimeout(a, timeout)
}
