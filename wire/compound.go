package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// MaxCompound is the most messages one compound holds, its count being a
// byte. memberlist's sender lets the count wrap around and ruins the packet.
const MaxCompound = math.MaxUint8

// CompoundOverhead is what a compound adds: once, and again for each message.
const CompoundOverhead = 2

// AppendCompound writes 1 to MaxCompound messages of at most 65535 bytes each
// as one, type byte included. Beyond either it returns b as it was and
// ErrTooLarge.
func AppendCompound(b []byte, msgs ...[]byte) ([]byte, error) {
	if len(msgs) == 0 || len(msgs) > MaxCompound {
		return b, fmt.Errorf("compound of %d messages: %w", len(msgs), ErrTooLarge)
	}
	for _, m := range msgs {
		if len(m) > math.MaxUint16 {
			return b, fmt.Errorf("compound with a message of %d bytes: %w", len(m), ErrTooLarge)
		}
	}
	b = append(b, byte(TypeCompound), byte(len(msgs)))
	for _, m := range msgs {
		b = binary.BigEndian.AppendUint16(b, uint16(len(m)))
	}
	for _, m := range msgs {
		b = append(b, m...)
	}
	return b, nil
}

// Compound walks over the messages of a compound:
//
//	for msg, ok := c.Next(); ok; msg, ok = c.Next() {
//
// The messages share the body's memory; each starts with its type byte and
// may be empty, since peers may send such.
type Compound struct {
	lengths []byte // two bytes for each message still to come
	bodies  []byte
	lost    int
}

// ParseCompound reads the bytes after the type byte. ErrTruncated means that
// not even the lengths are complete; missing messages are no error here, see
// Truncated.
func ParseCompound(body []byte) (Compound, error) {
	if len(body) < 1 {
		return Compound{}, fmt.Errorf("compound: %w", ErrTruncated)
	}
	n := 2 * int(body[0])
	if len(body)-1 < n {
		return Compound{}, fmt.Errorf("compound: %w", ErrTruncated)
	}
	return Compound{lengths: body[1 : 1+n], bodies: body[1+n:]}, nil
}

// Next returns the next message, false when none is left.
func (c *Compound) Next() (msg []byte, ok bool) {
	if len(c.lengths) < 2 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint16(c.lengths))
	if n > len(c.bodies) {
		c.lost = len(c.lengths) / 2
		c.lengths = nil
		return nil, false
	}
	msg = c.bodies[:n:n]
	c.lengths, c.bodies = c.lengths[2:], c.bodies[n:]
	return msg, true
}

// Truncated counts, once Next has returned false, the messages at the end for
// which there were not enough bytes. As in memberlist, those before still
// count.
func (c *Compound) Truncated() int { return c.lost }
