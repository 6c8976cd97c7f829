package health

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// What client and server say they can.
const (
	canLongPassword = 1 << 0
	can41           = 1 << 9
	canSecure       = 1 << 15 // scrambles of 4.1
	canPlugins      = 1 << 19 // several ways to log in
)

// A greeting is what a server says first.
type greeting struct {
	salt    []byte
	way     string
	plugins bool // it knows several ways
}

func (s *mysqlConn) greeting() (greeting, error) {
	b, err := s.read()
	switch {
	case err != nil:
		return greeting{}, err
	case b[0] == packetError: // too many connections, or it wants none from here
		return greeting{}, failure(b)
	case b[0] != 10:
		return greeting{}, fmt.Errorf("%w: protocol %d", errProtocol, b[0])
	}
	return readGreeting(b[1:])
}

func readGreeting(b []byte) (greeting, error) {
	c := &cut{b: b}
	c.text()   // version
	c.bytes(4) // number of the connection
	g := greeting{salt: bytes.Clone(c.bytes(8)), way: wayNative}
	c.bytes(1)
	can := uint32(c.uint16())
	if c.bad || can&can41 == 0 {
		return greeting{}, fmt.Errorf("%w: greeting", errProtocol)
	}
	if len(c.b) == 0 { // older than 4.1.1
		return g, nil
	}
	c.bytes(3) // character set, status
	can |= uint32(c.uint16()) << 16
	salt := int(c.byte())
	c.bytes(10)
	rest := max(13, salt-8)
	g.salt = append(g.salt, bytes.TrimSuffix(c.bytes(min(rest, len(c.b))), []byte{0})...)
	if can&canPlugins != 0 {
		g.plugins = true
		g.way = string(bytes.TrimRight(c.b, "\x00"))
	}
	if c.bad {
		return greeting{}, fmt.Errorf("%w: greeting", errProtocol)
	}
	return g, nil
}

// login logs in, in the way that the server wants. What that is, is bounded.
func (s *mysqlConn) login(g greeting, user, password string) error {
	if strings.IndexByte(user, 0) >= 0 {
		return fmt.Errorf("a user %q cannot be", user)
	}
	answer, err := scramble(g.way, g.salt, password)
	if err != nil {
		// The account may have another way than the server has by default.
		g.way = wayNative
		if answer, err = scramble(g.way, g.salt, password); err != nil {
			return err
		}
	}
	if err := s.write(hello(g, user, answer)); err != nil {
		return err
	}
	return s.finish(g, password)
}

// hello is a client's answer to the greeting.
func hello(g greeting, user string, answer []byte) []byte {
	can := uint32(canLongPassword | can41 | canSecure)
	if g.plugins {
		can |= canPlugins
	}
	b := binary.LittleEndian.AppendUint32(nil, can)
	b = binary.LittleEndian.AppendUint32(b, maxPacket)
	b = append(b, 45) // utf8mb4
	b = append(b, make([]byte, 23)...)
	b = append(append(b, user...), 0)
	b = append(append(b, byte(len(answer))), answer...)
	if g.plugins {
		b = append(append(b, g.way...), 0)
	}
	return b
}

// finish does what the server asks for until it says yes or no.
func (s *mysqlConn) finish(g greeting, password string) error {
	for range 8 {
		b, err := s.read()
		if err != nil {
			return err
		}
		switch b[0] {
		case packetOK:
			return nil
		case packetError:
			return failure(b)
		case packetEnd: // another way
			if g, err = readSwitch(b[1:]); err != nil {
				return err
			}
			answer, err := scramble(g.way, g.salt, password)
			if err != nil {
				return err
			}
			if err := s.write(answer); err != nil {
				return err
			}
		case packetMore:
			if err := s.more(g, b[1:], password); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %#x while logging in", errProtocol, b[0])
		}
	}
	return fmt.Errorf("%w: logging in does not end", errProtocol)
}

func readSwitch(b []byte) (greeting, error) {
	c := &cut{b: b}
	g := greeting{way: c.text(), plugins: true}
	if c.bad { // as servers before 4.1 ask
		return greeting{}, fmt.Errorf("%w: a way to log in of old", errProtocol)
	}
	g.salt = bytes.TrimSuffix(bytes.Clone(c.b), []byte{0})
	return g, nil
}
