package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"
)

// MaxPacket bounds what a compressed packet may hold. No datagram carries as
// much as 64 KiB, so this leaves LZW room for a ratio of 16; memberlist's
// bound is 40 MiB for packets too, a lever for anyone who can send one.
const MaxPacket = 1 << 20

const crcOverhead = 5

// Codec puts messages into packets and streams and takes them out again, as
// the members of one cluster have agreed to. The zero Codec is a valid one: no
// label, no encryption, no compression. Do not change it while in use, except
// through the Keyring.
type Codec struct {
	// Label tells clusters apart that could reach each other. It is sent in
	// the clear; with encryption it is authenticated. MaxLabel bytes at most.
	Label string

	// SkipInboundLabelCheck expects no label on what comes in, because a
	// proxy in front has checked and removed it.
	SkipInboundLabelCheck bool

	// Keyring encrypts and decrypts, unless nil or empty.
	Keyring *Keyring

	// InsecureIncoming accepts plaintext although there are keys, and
	// InsecureOutgoing sends it. They exist to turn encryption on in a running
	// cluster: all set first, then outgoing off, then incoming off. They are
	// memberlist's GossipVerifyIncoming and GossipVerifyOutgoing, negated so
	// that the zero value is the safe one.
	InsecureIncoming bool
	InsecureOutgoing bool

	// ProtocolVersion 1 pads before encrypting, which anything but ancient
	// peers would rather not have; 0 stands for 2, the common one.
	ProtocolVersion uint8

	// Compress compresses outgoing stream messages if that makes them
	// smaller. Packets are compressed by their author, who knows how to fill
	// them; see AppendCompressed.
	Compress bool

	// Algorithm is used for outgoing compression. Only LZW is understood by
	// every peer. Any other must be among Compressors.
	Algorithm Algorithm

	// Compressors are accepted besides LZW.
	Compressors map[Algorithm]Compressor

	// MaxPacket bounds what a compressed packet may hold; 0 stands for the
	// constant of that name. Transports other than UDP carry larger ones.
	MaxPacket int
}

// Overhead returns the most bytes Seal adds to a message.
func (c *Codec) Overhead() int {
	n := crcOverhead
	if c.Label != "" {
		n += 2 + len(c.Label)
	}
	if c.encrypts() {
		n += cryptOverhead(c.cryptVersion())
	}
	return n
}

func (c *Codec) encrypts() bool { return !c.InsecureOutgoing && !c.Keyring.Empty() }

func (c *Codec) cryptVersion() byte {
	if c.ProtocolVersion == 1 {
		return cryptPadded
	}
	return cryptUnpadded
}

// Seal appends msg as a packet to dst: with a checksum if crc is set (peers
// whose maximum protocol version is below 5 do not know it), encrypted if
// there is a key, under the label if there is one. msg may itself be
// compressed, and may lie anywhere in dst's spare capacity. With Overhead more
// bytes of that than msg is long, nothing is allocated.
func (c *Codec) Seal(dst, msg []byte, crc bool) ([]byte, error) {
	if len(c.Label) > MaxLabel {
		return dst, fmt.Errorf("label of %d bytes: %w", len(c.Label), ErrTooLarge)
	}
	ring := c.outgoingKeys()
	at := len(dst) // where the message goes
	if c.Label != "" {
		at += 2 + len(c.Label)
	}
	plain := at
	if ring != nil {
		at += 1 + nonceSize
		plain = at
	}
	if crc {
		at += crcOverhead
	}
	// Move the message first: the headers may overwrite where it was.
	out := slices.Grow(dst, at-len(dst)+len(msg))[:at+len(msg)]
	copy(out[at:], msg)
	appendLabel(out[:len(dst)], c.Label)
	if crc {
		out[plain] = byte(TypeCRC)
		binary.BigEndian.PutUint32(out[plain+1:], crc32.ChecksumIEEE(out[at:]))
	}
	if ring != nil {
		out = seal(ring[0].aead, c.cryptVersion(), out, plain, aliasBytes(c.Label))
	}
	return out, nil
}

// outgoingKeys takes one look at the ring, which may change any moment.
func (c *Codec) outgoingKeys() ringState {
	if c.InsecureOutgoing {
		return nil
	}
	return c.Keyring.load()
}

// Open takes the message out of a packet: one that starts with its type byte,
// which is neither TypeCRC nor TypeCompress. It shares memory with packet or
// with scratch, whose capacity is used from the start and whose content is
// lost. packet itself is not written to; the two must not overlap.
//
// As in memberlist the checksum is looked for only here, not inside a compound
// or a compressed message. What is inside a compound may be compressed again;
// use Decompress.
func (c *Codec) Open(packet, scratch []byte) (msg []byte, err error) {
	label, msg, err := splitLabel(packet)
	if err != nil {
		return nil, err
	}
	if err := c.checkLabel(label); err != nil {
		return nil, err
	}
	if ring := c.Keyring.load(); len(ring) > 0 {
		plain, err := ring.open(scratch[:0], msg, aliasBytes(c.Label))
		switch {
		case err == nil:
			msg = plain
		case !c.InsecureIncoming:
			return nil, err
		}
	}
	if len(msg) > 0 && Type(msg[0]) == TypeCRC {
		if len(msg) < crcOverhead {
			return nil, fmt.Errorf("checksum: %w", ErrTruncated)
		}
		sum := binary.BigEndian.Uint32(msg[1:])
		if msg = msg[crcOverhead:]; crc32.ChecksumIEEE(msg) != sum {
			return nil, ErrChecksum
		}
	}
	if len(msg) == 0 {
		return nil, fmt.Errorf("empty packet: %w", ErrTruncated)
	}
	switch Type(msg[0]) {
	case TypeCompress:
		return c.Decompress(msg[1:], scratch)
	case TypeCRC:
		return nil, fmt.Errorf("checksum of a checksum: %w", ErrType)
	}
	return msg, nil
}

// Decompress takes the message out of a compressed one, given the bytes after
// its type byte. The result, at most MaxPacket bytes (the codec's or the constant), lies in scratch if it
// fits there; body may do so too, but then is overwritten. A compressed
// message inside a compressed one is refused with ErrType: nobody sends it,
// and it would square what a small packet can make us do.
func (c *Codec) Decompress(body, scratch []byte) ([]byte, error) {
	buf := packetBuffers.Get().(*[]byte)
	defer packetBuffers.Put(buf)
	out, err := c.decompress((*buf)[:0], body, max(c.MaxPacket, MaxPacket))
	if err != nil {
		return nil, err
	}
	if cap(out) <= 64<<10 { // leave the rare giant to the collector
		*buf = out
	}
	return append(scratch[:0], out...), nil
}

// packetBuffers hold what comes out of compression while what went in still
// lies in the caller's scratch, having been decrypted there.
var packetBuffers = sync.Pool{New: func() any { return new([]byte) }}

// decompress appends the message inside body to dst and checks that it is one.
func (c *Codec) decompress(dst, body []byte, limit int) ([]byte, error) {
	out, err := appendDecompressed(dst, body, limit, c.Compressors)
	if err != nil {
		return dst, err
	}
	if len(out) == len(dst) {
		return dst, fmt.Errorf("compressed nothing: %w", ErrTruncated)
	}
	if t := Type(out[len(dst)]); t == TypeCompress {
		return dst, fmt.Errorf("compressed twice: %w", ErrType)
	}
	return out, nil
}
