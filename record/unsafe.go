package record

import "unsafe"

// alias returns the bytes of s, which nobody may write to.
func alias(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// text returns b, which nobody will write to, as a string.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
