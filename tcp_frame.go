package muster

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/netip"
)

// A stream that carries packets begins with a preface:
//
//	'M' 'P' 'K' version | u16 port
//
// 'M' is no type that a protocol stream begins with, so that both share a port.
// The port is the one that the sender listens on; with the address that the
// stream comes from it is what the packets are said to come from. That is a
// hint, like the source of a datagram, which anybody can forge: nothing but an
// answer goes there. Then follow frames, in the direction of the packets:
//
//	u16 length | packet
//
// A length of 0 asks for an echo, one byte in the other direction, by which the
// sender knows that the stream still leads somewhere.
const (
	prefaceByte    = 'M'
	prefaceVersion = 1
	prefaceSize    = 6 // with the first byte
	frameHead      = 2
	frameMax       = 1<<16 - 1
)

// errPreface leaves the stream of no use.
var errPreface = errors.New("not a preface of this version")

func appendPreface(dst []byte, port uint16) []byte {
	return binary.BigEndian.AppendUint16(append(dst, prefaceByte, 'P', 'K', prefaceVersion), port)
}

// readPreface reads what follows the first byte.
func readPreface(r io.Reader) (port uint16, err error) {
	var b [prefaceSize]byte
	b[0] = prefaceByte
	if _, err := io.ReadFull(r, b[1:]); err != nil {
		return 0, fmt.Errorf("preface: %w", err)
	}
	port = binary.BigEndian.Uint16(b[4:])
	if b[1] != 'P' || b[2] != 'K' || b[3] != prefaceVersion || port == 0 {
		return 0, fmt.Errorf("%w: % x", errPreface, b)
	}
	return port, nil
}

func appendFrame(dst, packet []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(packet)))
	return append(dst, packet...)
}

// appendEcho asks for an echo.
func appendEcho(dst []byte) []byte { return append(dst, 0, 0) }

// frameAt returns the size of the frame that framed begins with, its head
// included.
func frameAt(framed []byte) int { return frameHead + int(binary.BigEndian.Uint16(framed)) }

// readFrame reads the next packet into buf, which has room for any; 0 is a
// request for an echo.
func readFrame(r *bufio.Reader, buf []byte) (int, error) {
	head, err := r.Peek(frameHead)
	if err != nil {
		return 0, err
	}
	size := int(binary.BigEndian.Uint16(head))
	if _, err := r.Discard(frameHead); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(r, buf[:size])
	return size, err
}

// inboxMax is how many packets wait for the node. While it is busy the rest waits
// with the peers, who drop what gets old.
const inboxMax = 64

// inPacket is a packet on its way to who reads packets.
type inPacket struct {
	buf  *[]byte // of packetBuffers
	size int
	from netip.AddrPort
}
