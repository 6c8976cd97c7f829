package memberlist

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// ParseCIDRs parses networks in CIDR notation. It returns those that are valid
// even if there are others, which the error then names.
func ParseCIDRs(v []string) ([]net.IPNet, error) {
	nets := make([]net.IPNet, 0, len(v))
	var faults faultList
	for _, s := range v {
		_, network, err := net.ParseCIDR(strings.TrimSpace(s))
		if err != nil {
			faults = append(faults, fmt.Errorf("invalid cidr: %s", s))
			continue
		}
		nets = append(nets, *network)
	}
	return nets, faults.err()
}

// IPMustBeChecked says whether CIDRsAllowed restricts anything.
func (c *Config) IPMustBeChecked() bool { return len(c.CIDRsAllowed) > 0 }

// IPAllowed returns an error for an address outside CIDRsAllowed.
func (c *Config) IPAllowed(ip net.IP) error {
	if !c.IPMustBeChecked() {
		return nil
	}
	for i := range c.CIDRsAllowed {
		if c.CIDRsAllowed[i].Contains(ip) {
			return nil
		}
	}
	return fmt.Errorf("%s is not allowed", ip)
}

// prefixes returns CIDRsAllowed as muster takes them, nil for no restriction.
func (c *Config) prefixes() []netip.Prefix {
	var all []netip.Prefix
	for _, network := range c.CIDRsAllowed {
		ip, ok := netip.AddrFromSlice(network.IP)
		bits, size := network.Mask.Size()
		if !ok || size == 0 {
			continue // Contains is never true for such a network either
		}
		if ip = ip.Unmap(); ip.Is4() && size == 128 {
			bits -= 96
		}
		all = append(all, netip.PrefixFrom(ip, bits))
	}
	if all == nil && c.IPMustBeChecked() {
		all = []netip.Prefix{} // networks that contain nothing allow nothing
	}
	return all
}
