package muster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// hostPort is an address as a user writes it.
type hostPort struct {
	host   string
	port   uint16
	failed bool // did not resolve last time
}

// splitAddr takes "host:port", "host", ":port", "[v6]:port", "[v6]" or "v6".
func splitAddr(s string, port uint16) (hostPort, error) {
	if s == "" {
		return hostPort{}, errors.New("address is empty")
	}
	if ip, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return hostPort{host: ip.String(), port: port}, nil
	}
	if !strings.Contains(s, ":") {
		return hostPort{host: s, port: port}, nil
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil {
		return hostPort{}, fmt.Errorf("address %q: %w", s, err)
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return hostPort{}, fmt.Errorf("address %q: port %q is not a number up to 65535", s, digits)
	}
	return hostPort{host: host, port: uint16(n)}, nil
}

// resolve looks the host up now and returns every address it has.
func (h hostPort) resolve(ctx context.Context) ([]netip.AddrPort, error) {
	if ip, err := netip.ParseAddr(h.host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(ip.Unmap(), h.port)}, nil
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", h.host)
	if err != nil {
		return nil, fmt.Errorf("look up %q: %w", h.host, err)
	}
	addrs := make([]netip.AddrPort, 0, len(ips))
	for _, ip := range ips {
		addrs = append(addrs, netip.AddrPortFrom(ip.Unmap(), h.port))
	}
	return addrs, nil
}

// advertised finds the address to announce: the one asked for, else the bound
// one, else, bound to all addresses, one of this machine's.
func advertised(ctx context.Context, advertise string, bound netip.AddrPort) (netip.AddrPort, error) {
	if advertise != "" {
		h, err := splitAddr(advertise, bound.Port())
		if err != nil {
			return netip.AddrPort{}, err
		}
		if h.port == 0 {
			h.port = bound.Port()
		}
		addrs, err := h.resolve(ctx)
		if err != nil {
			return netip.AddrPort{}, err
		}
		return addrs[0], nil
	}
	if ip := bound.Addr().Unmap(); !ip.IsUnspecified() {
		return netip.AddrPortFrom(ip, bound.Port()), nil
	}
	ip, err := ownAddr(bound.Addr().Is4())
	return netip.AddrPortFrom(ip, bound.Port()), err
}

// ownAddr picks an address of this machine: a private one rather than a public
// one, IPv4 rather than IPv6, and loopback only if there is nothing else.
func ownAddr(only4 bool) (netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return netip.Addr{}, fmt.Errorf("list this machine's addresses: %w", err)
	}
	best, bestRank := netip.Addr{}, 0
	for _, a := range all {
		prefix, err := netip.ParsePrefix(a.String())
		if err != nil {
			continue // not an IP address, so not one to announce
		}
		if ip := prefix.Addr().Unmap(); ip.Is4() || !only4 {
			if r := rank(ip); r > bestRank {
				best, bestRank = ip, r
			}
		}
	}
	if bestRank == 0 {
		return netip.Addr{}, errors.New("this machine has no address to advertise; set Config.Advertise")
	}
	return best, nil
}

func rank(ip netip.Addr) int {
	r := 0
	switch {
	case ip.IsPrivate():
		r = 6
	case ip.IsGlobalUnicast():
		r = 4
	case ip.IsLoopback():
		r = 2
	default:
		return 0
	}
	if ip.Is4() {
		r++
	}
	return r
}
