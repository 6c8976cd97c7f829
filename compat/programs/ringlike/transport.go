package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// transport carries packets over TCP, a connection for each: a byte that says
// so, the sender's port, the length, the bytes. The other byte begins a stream.
type transport struct {
	l       net.Listener
	packets chan *memberlist.Packet
	streams chan net.Conn
	done    chan struct{}
	once    sync.Once
	work    sync.WaitGroup
}

var _ memberlist.Transport = (*transport)(nil)

const (
	kindPacket = 'p'
	kindStream = 's'
	packetMost = 64 << 20
	dialTime   = 2 * time.Second
)

func listen(addr string) (*transport, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	t := &transport{
		l: l, packets: make(chan *memberlist.Packet), streams: make(chan net.Conn), done: make(chan struct{}),
	}
	t.work.Go(t.accept)
	return t, nil
}

func (t *transport) port() int { return t.l.Addr().(*net.TCPAddr).Port }

func (t *transport) accept() {
	for {
		conn, err := t.l.Accept()
		if err != nil {
			return // closed
		}
		t.work.Go(func() { t.serve(conn) })
	}
}

// serve reads what a connection is for, and hands it over.
func (t *transport) serve(conn net.Conn) {
	var kind [1]byte
	err := conn.SetReadDeadline(time.Now().Add(dialTime))
	if err == nil {
		_, err = io.ReadFull(conn, kind[:])
	}
	if err == nil && kind[0] == kindStream {
		if err = conn.SetReadDeadline(time.Time{}); err == nil {
			select {
			case t.streams <- conn:
				return
			case <-t.done:
			}
		}
	}
	if err == nil && kind[0] == kindPacket {
		var p *memberlist.Packet
		if p, err = readPacket(conn); err == nil {
			select {
			case t.packets <- p:
			case <-t.done:
			}
		}
	}
	if cerr := conn.Close(); cerr != nil && !errors.Is(cerr, net.ErrClosed) && err == nil {
		fmt.Println("ringlike: close:", cerr)
	}
}

func readPacket(conn net.Conn) (*memberlist.Packet, error) {
	var head [6]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[2:])
	if n > packetMost {
		return nil, fmt.Errorf("a packet of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(conn, b); err != nil {
		return nil, err
	}
	from := *conn.RemoteAddr().(*net.TCPAddr)
	from.Port = int(binary.BigEndian.Uint16(head[:]))
	return &memberlist.Packet{Buf: b, From: &from, Timestamp: time.Now()}, nil
}

// FinalAdvertiseAddr returns where this transport listens.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.l.Addr().(*net.TCPAddr).IP, t.port(), nil
}

// WriteTo sends a packet, and blocks as long as that takes.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	conn, err := net.DialTimeout("tcp", addr, dialTime)
	if err != nil {
		return time.Time{}, err
	}
	msg := []byte{kindPacket, byte(t.port() >> 8), byte(t.port())}
	msg = binary.BigEndian.AppendUint32(msg, uint32(len(b)))
	err = conn.SetDeadline(time.Now().Add(dialTime))
	if err == nil {
		_, err = conn.Write(append(msg, b...))
	}
	return time.Now(), errors.Join(err, conn.Close())
}

// PacketCh returns the channel of incoming packets.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// DialTimeout opens a stream.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, timeout)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{kindStream}); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// StreamCh returns the channel of incoming streams.
func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

// Shutdown stops listening and waits for what was being read.
func (t *transport) Shutdown() error {
	var err error
	t.once.Do(func() {
		close(t.done)
		err = t.l.Close()
		t.work.Wait()
	})
	return err
}
