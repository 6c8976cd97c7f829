package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-metrics"
)

// target is one address to join.
type target struct {
	addr netip.AddrPort
	name string // of the node there, if it was given
}

// parallelJoins bounds how many addresses are tried at a time.
const parallelJoins = 8

// Join enters the cluster that nodes at the given addresses belong to, by
// exchanging states with each, and returns how many it reached. An address is
// "host", "host:port" or "name/host:port"; a host with several IP addresses
// counts as so many. The error is nil if any was reached.
func (m *Memberlist) Join(existing []string) (int, error) {
	m.refreshAck() // those to be met will soon ask
	var targets []target
	var faults faultList
	for _, s := range existing {
		found, err := m.resolve(s)
		if err != nil {
			err = fmt.Errorf("failed to resolve %s: %w", s, err)
			m.log.Printf("[WARN] memberlist: %v", err)
			faults = append(faults, err)
			continue
		}
		targets = append(targets, found...)
	}
	reached, errs := m.joinAll(targets)
	m.settle()
	if reached > 0 {
		return reached, nil
	}
	return 0, append(faults, errs...).err()
}

func (m *Memberlist) joinAll(targets []target) (reached int, faults faultList) {
	errs := make([]error, len(targets))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallelJoins)
	for i, t := range targets {
		slots <- struct{}{}
		wg.Go(func() {
			errs[i] = m.join(t)
			<-slots
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err == nil {
			reached++
			continue
		}
		err = fmt.Errorf("failed to join %v: %w", targets[i].addr, err)
		m.log.Printf("[DEBUG] memberlist: %v", err)
		faults = append(faults, err)
	}
	return reached, faults
}

// join exchanges states with one node. This node itself, whose address lists of
// seeds often hold, counts as reached.
func (m *Memberlist) join(t target) error {
	if err := m.needName(t.name); err != nil {
		return err
	}
	if t.addr == m.net.Addr() {
		return nil
	}
	defer metrics.MeasureSinceWithLabels([]string{"memberlist", "pushPullNode"}, time.Now(), m.conf.MetricLabels)
	// Twice the time of the exchange: the answer may have to wait for NotifyMerge.
	ctx, cancel := context.WithTimeout(context.Background(), 2*m.conf.streamTimeout())
	defer cancel()
	return m.node.JoinAddr(ctx, t.addr, t.name)
}

// resolve returns the addresses that an argument of Join stands for.
func (m *Memberlist) resolve(s string) ([]target, error) {
	name, at, named := strings.Cut(s, "/")
	if !named {
		name, at = "", s
	} else if name == "" {
		return nil, errors.New("empty node name provided")
	}
	host, port, err := splitHost(at, m.conf.BindPort)
	if err != nil {
		return nil, err
	}
	ips, err := m.lookUp(host)
	if err != nil {
		return nil, err
	}
	targets := make([]target, 0, len(ips))
	for _, ip := range ips {
		targets = append(targets, target{netip.AddrPortFrom(ip.Unmap(), port), name})
	}
	return targets, nil
}

// splitHost takes "host", "host:port" and IPv6 addresses with or without
// brackets.
func splitHost(s string, defaultPort int) (host string, port uint16, err error) {
	digits := strconv.Itoa(defaultPort)
	host = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if _, err := netip.ParseAddr(host); err != nil {
		host = s
		if strings.Contains(s, ":") {
			if host, digits, err = net.SplitHostPort(s); err != nil {
				return "", 0, err
			}
		}
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	return host, uint16(n), err
}

// lookUp returns the addresses of a host. A name with a domain is asked for
// over TCP first: the answer for many nodes does not fit a datagram.
func (m *Memberlist) lookUp(host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookUpTimeout)
	defer cancel()
	if strings.Contains(host, ".") {
		ips, err := lookUpTCP(ctx, host, m.conf.DNSConfigPath)
		if err == nil && len(ips) > 0 {
			return ips, nil
		}
		m.log.Printf("[DEBUG] memberlist: TCP-first lookup failed for '%s', falling back to UDP: %v", host, err)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

const lookUpTimeout = 30 * time.Second

// resolveOne returns the address of one node, "host:port".
func resolveOne(addr string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddrPort(addr); err == nil {
		return unmapped(a), nil
	}
	a, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return netip.AddrPort{}, err
	}
	return unmapped(a.AddrPort()), nil
}
