package health

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
)

// Bounds of what a server may send.
const (
	maxPacket       = 64 << 10
	maxConversation = 256 << 10
)

// mysqlConn reads and writes packets: three bytes of length, one that counts
// the packets of an exchange, and the payload.
type mysqlConn struct {
	conn net.Conn
	in   *bufio.Reader
	seq  byte
}

func newMySQLConn(conn net.Conn) *mysqlConn {
	return &mysqlConn{conn: conn, in: bufio.NewReaderSize(io.LimitReader(conn, maxConversation), 4<<10)}
}

func (s *mysqlConn) read() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(s.in, head[:]); err != nil {
		return nil, err
	}
	n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	if n == 0 || n > maxPacket {
		return nil, fmt.Errorf("%w: a packet of %d bytes", errProtocol, n)
	}
	if head[3] != s.seq {
		return nil, fmt.Errorf("%w: packet %d, not %d", errProtocol, head[3], s.seq)
	}
	s.seq++
	b := make([]byte, n)
	if _, err := io.ReadFull(s.in, b); err != nil {
		return nil, err
	}
	return b, nil
}

func (s *mysqlConn) write(payload []byte) error {
	n := len(payload)
	if n >= 1<<24-1 {
		return fmt.Errorf("%d bytes are more than a packet has", n)
	}
	b := append([]byte{byte(n), byte(n >> 8), byte(n >> 16), s.seq}, payload...)
	s.seq++
	_, err := s.conn.Write(b)
	return err
}

// First bytes of packets.
const (
	packetOK    = 0x00
	packetMore  = 0x01
	packetFile  = 0xfb // a server asks for a file of this host
	packetEnd   = 0xfe
	packetError = 0xff
)

// failure reads an error packet.
func failure(b []byte) error {
	if len(b) < 3 {
		return fmt.Errorf("%w: short error", errProtocol)
	}
	e := &serverError{code: binary.LittleEndian.Uint16(b[1:])}
	text := string(b[3:])
	if len(text) >= 6 && text[0] == '#' { // and the SQL state
		text = text[6:]
	}
	e.text = strings.ToValidUTF8(text[:min(len(text), 200)], "?")
	return e
}

// A cut takes the parts of a packet off its front. It is used up once bad.
type cut struct {
	b   []byte
	bad bool
}

func (c *cut) bytes(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.bad = nil, true
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cut) byte() byte {
	if b := c.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cut) uint16() uint16 {
	if b := c.bytes(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

// text takes what is up to a zero byte.
func (c *cut) text() string {
	for i, x := range c.b {
		if x == 0 {
			s := string(c.b[:i])
			c.b = c.b[i+1:]
			return s
		}
	}
	c.b, c.bad = nil, true
	return ""
}

// counted takes a value with its length before it; ok is false for NULL.
func (c *cut) counted() (s string, ok bool) {
	n := uint64(c.byte())
	switch {
	case n == packetFile:
		return "", false
	case n == 0xfc:
		n = uint64(c.uint16())
	case n == 0xfd:
		b := c.bytes(3)
		if b == nil {
			return "", false
		}
		n = uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16
	case n > 0xfd:
		c.b, c.bad = nil, true // no value of ours is that long
		return "", false
	}
	b := c.bytes(int(n))
	return string(b), b != nil || n == 0 && !c.bad
}
