package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/netip"
	"strconv"

	"github.com/musterhq/muster"
)

// network returns the transport that the configuration asks for, and sets the
// ports in it that were found.
func network(conf *Config, l *log.Logger) (muster.NamedTransport, error) {
	if conf.Transport != nil {
		ip, port, err := conf.Transport.FinalAdvertiseAddr(conf.AdvertiseAddr, conf.AdvertisePort)
		if err != nil {
			return nil, fmt.Errorf("failed to get final advertise address: %w", err)
		}
		addr, err := announced(ip, port)
		if err != nil {
			return nil, err
		}
		return metered{adapt(conf.Transport, addr, l), conf.MetricLabels, l}, nil
	}
	bound, err := muster.ListenUDPTCP(net.JoinHostPort(conf.BindAddr, strconv.Itoa(conf.BindPort)))
	if err != nil {
		return nil, fmt.Errorf("could not set up network transport: failed to obtain an address: "+
			"failed to listen on %q port %d: %w", conf.BindAddr, conf.BindPort, err)
	}
	addr, err := finalAddr(conf, bound.Addr())
	if err != nil {
		return nil, errors.Join(err, bound.Close())
	}
	if conf.BindPort == 0 {
		conf.BindPort = int(bound.Addr().Port())
		conf.AdvertisePort = conf.BindPort
		l.Printf("[DEBUG] memberlist: Using dynamic bind port %d", conf.BindPort)
	}
	return metered{advertisedAt{bound, addr}, conf.MetricLabels, l}, nil
}

// finalAddr decides what to advertise of what is bound.
func finalAddr(conf *Config, bound netip.AddrPort) (netip.AddrPort, error) {
	port := conf.AdvertisePort
	if conf.BindPort == 0 {
		port = int(bound.Port()) // whatever was configured is not this one
	}
	ip, port, err := advertised(conf.AdvertiseAddr, port, bound.Addr().String(), int(bound.Port()))
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("failed to get final advertise address: %w", err)
	}
	return announced(ip, port)
}

func announced(ip net.IP, port int) (netip.AddrPort, error) {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || port < 1 || port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("failed to get final advertise address: %v port %d is not one", ip, port)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

// advertisedAt is a transport that is found at another address than it is bound
// to.
type advertisedAt struct {
	muster.Transport
	addr netip.AddrPort
}

func (t advertisedAt) Addr() netip.AddrPort { return t.addr }

func (t advertisedAt) WritePacketTo(b []byte, to netip.AddrPort, _ string) error {
	return t.WritePacket(b, to)
}

func (t advertisedAt) DialTo(ctx context.Context, to netip.AddrPort, _ string) (net.Conn, error) {
	return t.Dial(ctx, to)
}

// warnPublic says so when traffic that others can reach is not encrypted.
func warnPublic(conf *Config, addr netip.Addr, l *log.Logger) {
	if !conf.EncryptionEnabled() && !addr.IsPrivate() && !addr.IsLoopback() && !addr.IsLinkLocalUnicast() {
		l.Printf("[WARN] memberlist: Binding to public address without encryption!")
	}
}
