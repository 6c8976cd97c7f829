package wire

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"slices"
)

// An encrypted payload is a version byte, a random nonce and what AES-GCM
// makes of the message. Version 0 pads the message to whole AES blocks, which
// GCM never needed; only a cluster on protocol version 1 still sends it.
const (
	nonceSize = 12
	tagSize   = 16

	cryptPadded   = 0
	cryptUnpadded = 1
)

// cryptOverhead is the most encryption adds.
func cryptOverhead(version byte) int {
	if version == cryptPadded {
		return 1 + nonceSize + aes.BlockSize + tagSize
	}
	return 1 + nonceSize + tagSize
}

// cryptLen is what a message of n bytes becomes.
func cryptLen(version byte, n int) int {
	if version == cryptPadded {
		n += aes.BlockSize - n%aes.BlockSize
	}
	return 1 + nonceSize + n + tagSize
}

// seal encrypts in place. b ends with the plaintext, which starts at plain;
// the 1+nonceSize bytes before it are overwritten.
func seal(aead cipher.AEAD, version byte, b []byte, plain int, data []byte) []byte {
	if version == cryptPadded {
		n := aes.BlockSize - (len(b)-plain)%aes.BlockSize
		for range n {
			b = append(b, byte(n))
		}
	}
	b[plain-nonceSize-1] = version
	nonce := b[plain-nonceSize : plain]
	_, _ = rand.Read(nonce) // never fails: it ends the process first
	b = slices.Grow(b, tagSize)
	return b[:plain+len(aead.Seal(b[plain:plain], nonce, b[plain:], data))]
}

// open appends the plaintext of b to dst, trying each key in turn. The ring is
// short and a wrong key costs under a microsecond.
func (s ringState) open(dst, b, data []byte) ([]byte, error) {
	if len(b) == 0 {
		return dst, fmt.Errorf("%w: empty", ErrDecrypt)
	}
	version := b[0]
	if version > cryptUnpadded {
		return dst, fmt.Errorf("%w: version %d", ErrDecrypt, version)
	}
	if len(b) < cryptLen(version, 0) {
		return dst, fmt.Errorf("%w: %d bytes are too few", ErrDecrypt, len(b))
	}
	nonce, sealed := b[1:1+nonceSize], b[1+nonceSize:]
	for i := range s {
		out, err := s[i].aead.Open(dst, nonce, sealed, data)
		if err != nil {
			continue
		}
		if version == cryptPadded {
			return unpad(dst, out)
		}
		return out, nil
	}
	return dst, fmt.Errorf("%w: none of %d keys fits", ErrDecrypt, len(s))
}

// unpad takes the padding off out, which extends dst. memberlist trusts the
// last byte here and panics when it lies; that takes a member, but members
// have bugs.
func unpad(dst, out []byte) ([]byte, error) {
	pad := int(out[len(out)-1]) // a block at least is there, open has made sure
	if pad < 1 || pad > aes.BlockSize {
		return dst, fmt.Errorf("%w: bad padding", ErrDecrypt)
	}
	return out[:len(out)-pad], nil
}
