package memberlist

import (
	"errors"
	"fmt"
	"net"
)

// advertised is FinalAdvertiseAddr for what is bound to an address and a port.
func advertised(ip string, port int, boundAddr string, boundPort int) (net.IP, int, error) {
	if ip != "" {
		addr := net.ParseIP(ip)
		if addr == nil {
			return nil, 0, fmt.Errorf("failed to parse advertise address %q", ip)
		}
		return short(addr), port, nil
	}
	bound := net.ParseIP(boundAddr)
	switch {
	case bound == nil && boundAddr != "":
		return nil, 0, fmt.Errorf("failed to parse advertise address: %q", boundAddr)
	case bound == nil || bound.IsUnspecified():
		own, err := privateIP()
		return own, boundPort, err
	}
	return short(bound), boundPort, nil
}

// short returns an IPv4 address in its four bytes.
func short(ip net.IP) net.IP {
	if four := ip.To4(); four != nil {
		return four
	}
	return ip
}

// privateIP returns a private address of this machine: the one that it uses
// towards the world if that is one, else any, IPv4 if there is one.
func privateIP() (net.IP, error) {
	if ip := routedIP(); ip != nil && ip.IsPrivate() {
		return ip, nil
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("failed to get interface addresses: %w", err)
	}
	var found net.IP
	for _, a := range addrs {
		network, ok := a.(*net.IPNet)
		if !ok || !network.IP.IsPrivate() {
			continue
		}
		if four := network.IP.To4(); four != nil {
			return four, nil
		}
		if found == nil {
			found = network.IP
		}
	}
	if found == nil {
		return nil, errors.New("no private IP address found, and explicit IP not provided")
	}
	return found, nil
}

// routedIP returns the address that this machine would use towards one that is
// not local; nil if there is no way there. Nothing is sent.
func routedIP() net.IP {
	// An address set aside for documentation (RFC 5737).
	c, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 9})
	if err != nil {
		return nil
	}
	ip := c.LocalAddr().(*net.UDPAddr).IP
	if c.Close() != nil {
		return nil
	}
	return short(ip)
}
