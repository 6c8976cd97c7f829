package wire

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// The msgpack dialect is the one hashicorp/go-msgpack writes for a zero
// MsgpackHandle: strings and bytes both in the old "raw" form, which knows no
// 8-bit length, and unsigned Go fields as unsigned numbers but Go ints as
// signed ones. Old peers are strict about none of it; golden bytes are.
const (
	codeNil    = 0xc0
	codeFalse  = 0xc2
	codeTrue   = 0xc3
	codeBin8   = 0xc4
	codeBin16  = 0xc5
	codeBin32  = 0xc6
	codeExt8   = 0xc7
	codeExt16  = 0xc8
	codeExt32  = 0xc9
	codeFloat  = 0xca
	codeDouble = 0xcb
	codeUint8  = 0xcc
	codeUint16 = 0xcd
	codeUint32 = 0xce
	codeUint64 = 0xcf
	codeInt8   = 0xd0
	codeInt16  = 0xd1
	codeInt32  = 0xd2
	codeInt64  = 0xd3
	codeFixExt = 0xd4 // d4..d8: 1, 2, 4, 8, 16 bytes
	codeStr8   = 0xd9
	codeRaw16  = 0xda
	codeRaw32  = 0xdb
	codeArr16  = 0xdc
	codeArr32  = 0xdd
	codeMap16  = 0xde
	codeMap32  = 0xdf

	codeFixMap = 0x80
	codeFixArr = 0x90
	codeFixRaw = 0xa0
)

// appendUint writes a field whose Go type in memberlist is unsigned.
func appendUint(b []byte, v uint64) []byte {
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxUint8:
		return append(b, codeUint8, byte(v))
	case v <= math.MaxUint16:
		return append(b, codeUint16, byte(v>>8), byte(v))
	case v <= math.MaxUint32:
		return append(b, codeUint32, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return binary.BigEndian.AppendUint64(append(b, codeUint64), v)
}

// appendInt writes a field whose Go type in memberlist is int. go-msgpack then
// uses the signed codes, even though lengths and counts are never negative,
// and skips int8: from 128 on it needs int16 anyway.
func appendInt(b []byte, n int) []byte {
	v := int64(max(n, 0))
	switch {
	case v <= math.MaxInt8:
		return append(b, byte(v))
	case v <= math.MaxInt16:
		return append(b, codeInt16, byte(v>>8), byte(v))
	case v <= math.MaxInt32:
		return append(b, codeInt32, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return binary.BigEndian.AppendUint64(append(b, codeInt64), uint64(v))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, codeTrue)
	}
	return append(b, codeFalse)
}

// appendRawHeader writes the length that precedes a string or byte slice.
func appendRawHeader(b []byte, n int) []byte {
	switch {
	case n < 32:
		return append(b, codeFixRaw|byte(n))
	case n <= math.MaxUint16:
		return append(b, codeRaw16, byte(n>>8), byte(n))
	}
	return append(b, codeRaw32, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}

func appendString(b []byte, s string) []byte {
	return append(appendRawHeader(b, len(s)), s...)
}

// appendBytes keeps nil apart from empty, as go-msgpack does.
func appendBytes(b, v []byte) []byte {
	if v == nil {
		return append(b, codeNil)
	}
	return append(appendRawHeader(b, len(v)), v...)
}

// appendAddr writes an IPv4 address, mapped or not, as the four bytes
// memberlist's own transport advertises, and the zero Addr as nil.
func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case !a.IsValid():
		return append(b, codeNil)
	case a.Is4(), a.Is4In6():
		ip := a.As4()
		return append(append(b, codeFixRaw|4), ip[:]...)
	}
	ip := a.As16()
	return append(append(b, codeFixRaw|16), ip[:]...)
}
