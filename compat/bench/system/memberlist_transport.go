package system

import (
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

// countedMemberlist is memberlist's own transport with a counter on what goes
// out.
type countedMemberlist struct {
	*memberlist.NetTransport
	traffic *Traffic
}

// memberlistTransport binds UDP and TCP on one port of loopback. The kernel
// chooses the port for TCP; when it is taken for UDP, another is tried, as
// memberlist does when it makes the transport itself.
func memberlistTransport(o Options) (*countedMemberlist, error) {
	cfg := &memberlist.NetTransportConfig{
		BindAddrs: []string{"127.0.0.1"},
		Logger:    log.New(io.Discard, "", 0),
	}
	for attempt := 1; ; attempt++ {
		t, err := memberlist.NewNetTransport(cfg)
		if err == nil {
			return &countedMemberlist{NetTransport: t, traffic: o.Traffic}, nil
		}
		if attempt == 10 || !strings.Contains(err.Error(), "address already in use") {
			return nil, fmt.Errorf("bind memberlist node %s: %w", o.Name, err)
		}
	}
}

func (t *countedMemberlist) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	t.traffic.packet(len(b))
	return t.NetTransport.WriteToAddress(b, to)
}

func (t *countedMemberlist) WriteTo(b []byte, to string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: to})
}

func (t *countedMemberlist) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	c, err := t.NetTransport.DialAddressTimeout(to, timeout)
	if err != nil {
		return nil, err
	}
	return t.traffic.Dialled(c), nil
}

func (t *countedMemberlist) DialTimeout(to string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: to}, timeout)
}

// IsolatedMemberlist is a transport without sockets: see Options.Isolated.
type IsolatedMemberlist struct {
	packets chan *memberlist.Packet
	streams chan net.Conn
	traffic *Traffic
	answer  func(net.Conn)
}

// NewIsolatedMemberlist uses the fields Traffic and Isolated.
func NewIsolatedMemberlist(o Options) *IsolatedMemberlist {
	return &IsolatedMemberlist{
		packets: make(chan *memberlist.Packet),
		streams: make(chan net.Conn),
		traffic: o.Traffic,
		answer:  o.Isolated,
	}
}

func (t *IsolatedMemberlist) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IPv4(127, 0, 0, 1).To4(), 7946, nil
}

func (t *IsolatedMemberlist) WriteTo(b []byte, _ string) (time.Time, error) {
	t.traffic.packet(len(b))
	return time.Now(), nil
}

func (t *IsolatedMemberlist) WriteToAddress(b []byte, _ memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, "")
}

func (t *IsolatedMemberlist) DialTimeout(string, time.Duration) (net.Conn, error) {
	near, far := net.Pipe()
	go t.answer(far)
	return near, nil
}

func (t *IsolatedMemberlist) DialAddressTimeout(memberlist.Address, time.Duration) (net.Conn, error) {
	return t.DialTimeout("", 0)
}

func (t *IsolatedMemberlist) PacketCh() <-chan *memberlist.Packet { return t.packets }
func (t *IsolatedMemberlist) StreamCh() <-chan net.Conn           { return t.streams }
func (t *IsolatedMemberlist) Shutdown() error                     { return nil }
