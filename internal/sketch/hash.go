package sketch

import (
	"encoding/binary"
	"math/bits"
)

// Odd numbers without pattern: the fractions of the square roots of 2, 3, 5.
const (
	key0 = 0x6a09e667f3bcc909
	key1 = 0xbb67ae8584caa73b
	key2 = 0x3c6ef372fe94f82b
)

// Hash returns a hash of the parts under a salt. Where one part ends and the
// next begins counts. It is the same on every platform and for ever, since
// members of different versions compare what it gives; it is no defence
// against somebody who knows the salt.
func Hash(salt uint64, parts ...[]byte) uint64 {
	k1, k2 := fold(salt^key0, key1), fold(salt^key1, key2)
	h := k1 ^ k2
	for _, p := range parts {
		n := uint64(len(p))
		for len(p) >= 16 {
			h = stir(h, binary.LittleEndian.Uint64(p)^k1, binary.LittleEndian.Uint64(p[8:])^k2)
			p = p[16:]
		}
		a, b := tail(p)
		h = stir(h, a^k1, b^k2)
		h = stir(h, n^k2, key0)
	}
	return fold(h^key2, k1|1)
}

// stir mixes 16 bytes into h. What is there already is added again after the
// multiplication: a factor that happens to be zero must not wipe it out.
func stir(h, a, b uint64) uint64 {
	return fold(a^bits.RotateLeft64(h, 32), b) + bits.RotateLeft64(h, 23)
}

// fold multiplies to 128 bits and folds the halves into one another.
func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// tail returns the up to 15 bytes of p as two words, the rest zero.
func tail(p []byte) (a, b uint64) {
	if len(p) >= 8 {
		a = binary.LittleEndian.Uint64(p)
		p = p[8:]
		for i, c := range p {
			b |= uint64(c) << (8 * i)
		}
		return a, b
	}
	for i, c := range p {
		a |= uint64(c) << (8 * i)
	}
	return a, 0
}
