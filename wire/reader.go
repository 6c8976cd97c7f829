package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
)

// reader walks over msgpack bytes. The first fault is kept and ends the walk,
// so that a decoder reads as the list of its fields, without a check in every
// line. It is as lenient as go-msgpack: any width for a number, any of the
// four forms for bytes, nil for any zero value.
type reader struct {
	b       []byte
	i       int
	err     error
	badAddr bool // kept apart, so that the rest of the message is still read
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.i = len(r.b)
}

// end reports the walk over a message called name.
func (r *reader) end(name string) error {
	if r.err != nil {
		return fmt.Errorf("%s: %w", name, r.err)
	}
	if r.badAddr {
		return fmt.Errorf("%s: %w", name, ErrAddress)
	}
	return nil
}

// next returns the next byte, 0 after the end.
func (r *reader) next() byte {
	if r.i >= len(r.b) {
		r.fail(ErrTruncated)
		return 0
	}
	c := r.b[r.i]
	r.i++
	return c
}

// take returns the next n bytes without copying them.
func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)-r.i) {
		r.fail(ErrTruncated)
		return nil
	}
	s := r.b[r.i : r.i+int(n) : r.i+int(n)]
	r.i += int(n)
	return s
}

// big returns the next size bytes as a number.
func (r *reader) big(size uint64) uint64 {
	s := r.take(size)
	switch len(s) {
	case 1:
		return uint64(s[0])
	case 2:
		return uint64(binary.BigEndian.Uint16(s))
	case 4:
		return uint64(binary.BigEndian.Uint32(s))
	case 8:
		return binary.BigEndian.Uint64(s)
	}
	return 0
}

// fields opens a message. It counts the fields and says whether they come as
// an array, without keys, in the order memberlist declares them.
func (r *reader) fields() (n int, array bool) {
	c := r.next()
	var n64 uint64
	switch {
	case c&0xf0 == codeFixMap:
		return int(c & 0x0f), false
	case c&0xf0 == codeFixArr:
		return int(c & 0x0f), true
	case c == codeNil:
		return 0, false
	case c == codeMap16:
		n64 = r.big(2)
	case c == codeMap32:
		n64 = r.big(4)
	case c == codeArr16:
		n64, array = r.big(2), true
	case c == codeArr32:
		n64, array = r.big(4), true
	default:
		r.fail(ErrMalformed)
	}
	// A field takes a byte at least: this bounds the caller's loop and keeps
	// the count an int on every platform.
	if n64 > uint64(len(r.b)-r.i) {
		r.fail(ErrTruncated)
		return 0, false
	}
	return int(n64), array
}

// key returns the name of field i: what stands in a map, or what order says
// for an array. Beyond the known fields of an array the name is empty and the
// value is skipped like an unknown key's.
func (r *reader) key(i int, array bool, order []string) string {
	if !array {
		return r.str()
	}
	if i < len(order) {
		return order[i]
	}
	return ""
}

// str returns a string that shares the reader's memory.
func (r *reader) str() string {
	// Names and keys of less than 32 bytes are nearly all there is.
	if i := r.i; i < len(r.b) {
		if c := r.b[i]; c&0xe0 == codeFixRaw {
			if end := i + 1 + int(c&0x1f); end <= len(r.b) {
				r.i = end
				return aliasString(r.b[i+1 : end])
			}
		}
	}
	return aliasString(r.bytes())
}

// bytes returns a byte slice that shares the reader's memory, nil for nil.
func (r *reader) bytes() []byte {
	c := r.next()
	switch {
	case c&0xe0 == codeFixRaw:
		return r.take(uint64(c & 0x1f))
	case c == codeNil:
		return nil
	case c == codeStr8, c == codeBin8:
		return r.take(r.big(1))
	case c == codeRaw16, c == codeBin16:
		return r.take(r.big(2))
	case c == codeRaw32, c == codeBin32:
		return r.take(r.big(4))
	case c&0xf0 == codeFixArr:
		return r.numbers(uint64(c & 0x0f))
	case c == codeArr16:
		return r.numbers(r.big(2))
	case c == codeArr32:
		return r.numbers(r.big(4))
	}
	r.fail(ErrMalformed)
	return nil
}

// numbers reads bytes written as an array of numbers, the one form that has
// to be copied.
func (r *reader) numbers(n uint64) []byte {
	if n > uint64(len(r.b)-r.i) { // each takes a byte at least
		r.fail(ErrTruncated)
		return nil
	}
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.uint(math.MaxUint8))
	}
	return out
}

// uint returns a number from 0 to limit, of any width and signedness.
func (r *reader) uint(limit uint64) uint64 {
	c := r.next()
	v := uint64(c)
	switch {
	case c <= math.MaxInt8:
	case c == codeNil:
		return 0
	case c >= codeUint8 && c <= codeUint64:
		v = r.big(1 << (c - codeUint8))
	case c >= codeInt8 && c <= codeInt64:
		size := uint64(1) << (c - codeInt8)
		v = r.big(size)
		if v>>(8*size-1) != 0 {
			r.fail(ErrRange)
		}
	case c >= 0xe0: // negative fixint
		r.fail(ErrRange)
	default:
		r.fail(ErrMalformed)
	}
	if r.err != nil {
		return 0
	}
	if v > limit {
		r.fail(ErrRange)
		return 0
	}
	return v
}

func (r *reader) u32() uint32 { return uint32(r.uint(math.MaxUint32)) }
func (r *reader) u16() uint16 { return uint16(r.uint(math.MaxUint16)) }

// length reads an int field; all of them are counts, far below two thousand
// million.
func (r *reader) length() int { return int(r.uint(math.MaxInt32)) }

// caps keeps the bits this version knows room for: a later muster may announce
// more, and must not be unreadable for it.
func (r *reader) caps() Caps { return Caps(r.uint(math.MaxUint64)) }

// bool also takes 0 and 1, as go-msgpack does.
func (r *reader) bool() bool {
	switch r.next() {
	case codeTrue, 1:
		return true
	case codeFalse, codeNil, 0:
	default:
		r.fail(ErrMalformed)
	}
	return false
}

// addr reads an address. Any length but 4 and 16 gives the zero Addr, which
// the decoders of required addresses turn into ErrAddress.
func (r *reader) addr() netip.Addr {
	switch s := r.bytes(); len(s) {
	case 4:
		return netip.AddrFrom4([4]byte(s))
	case 16:
		return netip.AddrFrom16([16]byte(s)).Unmap()
	}
	return netip.Addr{}
}

// versions reads up to six bytes. Old protocol versions sent fewer.
func (r *reader) versions() (v Versions) {
	copy(v[:], r.bytes())
	return v
}

// skip passes over one value of any kind. It counts what is still to come
// instead of descending, so that nesting costs an attacker bytes and us
// nothing.
func (r *reader) skip() {
	for todo := uint64(1); todo > 0 && r.err == nil; todo-- {
		h := headOf(r.next())
		if h.invalid {
			r.fail(ErrMalformed)
		}
		n := r.big(uint64(h.size))
		r.take(uint64(h.fixed) + n*uint64(h.bytesPer))
		todo += uint64(h.items) + n*uint64(h.itemsPer)
	}
}

// head says what follows the first byte of a value: a length n of size bytes,
// then fixed + n*bytesPer bytes, then items + n*itemsPer further values.
type head struct {
	size, fixed, bytesPer, items, itemsPer uint8
	invalid                                bool
}

func headOf(c byte) head {
	switch {
	case c < codeFixMap, c >= 0xe0, c == codeNil, c == codeFalse, c == codeTrue:
		return head{}
	case c&0xf0 == codeFixMap:
		return head{items: 2 * (c & 0x0f)}
	case c&0xf0 == codeFixArr:
		return head{items: c & 0x0f}
	case c&0xe0 == codeFixRaw:
		return head{fixed: c & 0x1f}
	case c >= codeBin8 && c <= codeBin32:
		return head{size: 1 << (c - codeBin8), bytesPer: 1}
	case c >= codeExt8 && c <= codeExt32:
		return head{size: 1 << (c - codeExt8), bytesPer: 1, fixed: 1}
	case c == codeFloat:
		return head{fixed: 4}
	case c == codeDouble:
		return head{fixed: 8}
	case c >= codeUint8 && c <= codeUint64:
		return head{fixed: 1 << (c - codeUint8)}
	case c >= codeInt8 && c <= codeInt64:
		return head{fixed: 1 << (c - codeInt8)}
	case c >= codeFixExt && c < codeStr8:
		return head{fixed: 1 + 1<<(c-codeFixExt)}
	case c >= codeStr8 && c <= codeRaw32:
		return head{size: 1 << (c - codeStr8), bytesPer: 1}
	case c == codeArr16, c == codeArr32:
		return head{size: 2 << (c - codeArr16), itemsPer: 1}
	case c == codeMap16, c == codeMap32:
		return head{size: 2 << (c - codeMap16), itemsPer: 2}
	}
	return head{invalid: true} // c1, which msgpack never uses
}
