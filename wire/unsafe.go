package wire

import "unsafe"

// aliasString returns b as a string without copying it. The string changes if
// b does, which is the bargain every Decode states: what it yields lives as
// long as the buffer. This and aliasBytes are the package's only unsafe code.
func aliasString(b []byte) string {
	return unsafe.String(unsafe.SliceData(b), len(b))
}

// aliasBytes returns the bytes of s, to be read only: it hands the label to a
// cipher.AEAD as additional data, which would otherwise cost an allocation for
// each packet.
func aliasBytes(s string) []byte {
	return unsafe.Slice(unsafe.StringData(s), len(s))
}
