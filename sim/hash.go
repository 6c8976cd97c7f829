package sim

import "encoding/binary"

// rolling is FNV-1a over 64-bit words: what happened in a run, in one number.
// It is for telling runs apart, not for keeping secrets.
type rolling uint64

const (
	fnvOffset rolling = 14695981039346656037
	fnvPrime  rolling = 1099511628211
)

func (h *rolling) word(x uint64) { *h = (*h ^ rolling(x)) * fnvPrime }

func (h *rolling) bytes(b []byte) {
	s := *h
	s = (s ^ rolling(len(b))) * fnvPrime
	for ; len(b) >= 8; b = b[8:] {
		s = (s ^ rolling(binary.LittleEndian.Uint64(b))) * fnvPrime
		s ^= s >> 32 // a product carries upward only
	}
	for _, x := range b {
		s = (s ^ rolling(x)) * fnvPrime
	}
	*h = s
}

func (h *rolling) text(t string) {
	for i := range len(t) {
		h.word(uint64(t[i]))
	}
	h.word(uint64(len(t)))
}
