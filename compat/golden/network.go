package main

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// line is one packet, or what one side of a stream wrote.
type line struct {
	kind string // packet, dial, reply
	data []byte
}

// network joins transports by address and remembers what passes.
type network struct {
	mu    sync.Mutex
	peers map[string]*transport
	// noPackets and noStreams name the addresses that hear nothing any more.
	noPackets, noStreams map[string]bool
	packets              [][]byte
	conns                []*recorder // dialer and acceptor in turn
}

func newNetwork() *network {
	return &network{peers: map[string]*transport{}, noPackets: map[string]bool{}, noStreams: map[string]bool{}}
}

// lines returns all that has passed so far.
func (n *network) lines() (out []line) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, p := range n.packets {
		out = append(out, line{"packet", p})
	}
	for i, c := range n.conns {
		if data := c.written(); len(data) > 0 {
			out = append(out, line{[]string{"dial", "reply"}[i%2], data})
		}
	}
	return out
}

func (n *network) cut(addr string, packets, streams bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.noPackets[addr], n.noStreams[addr] = packets, streams
}

// transport is one node's end of the network, a memberlist.Transport.
type transport struct {
	net     *network
	ip      net.IP
	addr    string
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	stop    sync.Once
}

const port = 7946

func (n *network) transport(ip string) *transport {
	t := &transport{net: n, ip: net.ParseIP(ip), packets: make(chan *memberlist.Packet, 1024),
		streams: make(chan net.Conn, 64), done: make(chan struct{})}
	if v4 := t.ip.To4(); v4 != nil {
		t.ip = v4
	}
	t.addr = net.JoinHostPort(ip, "7946")
	n.mu.Lock()
	defer n.mu.Unlock()
	n.peers[t.addr] = t
	return t
}

func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) { return t.ip, port, nil }
func (t *transport) PacketCh() <-chan *memberlist.Packet                 { return t.packets }
func (t *transport) StreamCh() <-chan net.Conn                           { return t.streams }

func (t *transport) Shutdown() error {
	t.stop.Do(func() { close(t.done) })
	return nil
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	now := time.Now()
	b = bytes.Clone(b)
	n := t.net
	n.mu.Lock()
	n.packets = append(n.packets, b)
	to := n.peers[addr]
	lost := to == nil || n.noPackets[addr] || n.noPackets[t.addr]
	n.mu.Unlock()
	if lost {
		return now, nil
	}
	p := &memberlist.Packet{Buf: bytes.Clone(b), From: &net.UDPAddr{IP: t.ip, Port: port}, Timestamp: now}
	select {
	case to.packets <- p:
	case <-to.done:
	}
	return now, nil
}

var errUnreachable = errors.New("unreachable")

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	n := t.net
	n.mu.Lock()
	defer n.mu.Unlock()
	to := n.peers[addr]
	if to == nil || n.noStreams[addr] {
		return nil, errUnreachable
	}
	near, far := net.Pipe()
	dialer, acceptor := &recorder{Conn: near, remote: to}, &recorder{Conn: far, remote: t}
	n.conns = append(n.conns, dialer, acceptor)
	to.streams <- acceptor
	return dialer, nil
}

// recorder keeps what is written to a connection.
type recorder struct {
	net.Conn
	remote *transport
	mu     sync.Mutex
	buf    []byte
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	r.buf = append(r.buf, b...)
	r.mu.Unlock()
	return r.Conn.Write(b)
}

func (r *recorder) RemoteAddr() net.Addr { return &net.TCPAddr{IP: r.remote.ip, Port: port} }

func (r *recorder) written() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.buf)
}
