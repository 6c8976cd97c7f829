package memberlist

import (
	"fmt"

	"github.com/golang/snappy"

	"github.com/musterhq/muster/wire"
)

// CompressionAlgorithm names a compression.
type CompressionAlgorithm string

// The compressions there are. Only LZW is understood by hashicorp/memberlist.
const (
	CompressionAlgorithmLZW    CompressionAlgorithm = "lzw"
	CompressionAlgorithmSnappy CompressionAlgorithm = "snappy"
)

// snappyOnWire is how Grafana's fork numbers it.
const snappyOnWire wire.Algorithm = 1

// compressors are what is understood besides LZW.
func compressors() map[wire.Algorithm]wire.Compressor {
	return map[wire.Algorithm]wire.Compressor{snappyOnWire: snappyBlocks{}}
}

func (a CompressionAlgorithm) onWire() (wire.Algorithm, error) {
	switch a {
	case "", CompressionAlgorithmLZW:
		return wire.LZW, nil
	case CompressionAlgorithmSnappy:
		return snappyOnWire, nil
	}
	return 0, fmt.Errorf("unknown compression algorithm %q", string(a))
}

// snappyBlocks is Snappy's block format.
type snappyBlocks struct{}

func (snappyBlocks) AppendCompressed(dst, src []byte) ([]byte, error) {
	most := snappy.MaxEncodedLen(len(src))
	if most < 0 {
		return dst, fmt.Errorf("snappy: %d bytes: %w", len(src), wire.ErrTooLarge)
	}
	return append(dst, snappy.Encode(nil, src)...), nil
}

// snappyExpansion is more than any block can grow by: at best three bytes of it
// stand for a copy of 64.
const snappyExpansion = 22

// AppendDecompressed decodes a block. The length it claims is checked twice
// before room is made for it: against limit, and against what its bytes could
// possibly hold.
func (snappyBlocks) AppendDecompressed(dst, src []byte, limit int) ([]byte, error) {
	size, err := snappy.DecodedLen(src)
	if err != nil {
		return dst, fmt.Errorf("snappy: %w: %w", wire.ErrMalformed, err)
	}
	if size > limit {
		return dst, fmt.Errorf("snappy: %d bytes, at most %d: %w", size, limit, wire.ErrTooLarge)
	}
	if size > snappyExpansion*len(src) {
		return dst, fmt.Errorf("snappy: %d bytes cannot hold %d: %w", len(src), size, wire.ErrMalformed)
	}
	plain, err := snappy.Decode(nil, src)
	if err != nil {
		return dst, fmt.Errorf("snappy: %w: %w", wire.ErrMalformed, err)
	}
	return append(dst, plain...), nil
}
