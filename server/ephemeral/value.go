package ephemeral

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/musterhq/muster/record"
)

// A value begins with its version, the life in which it was written, and how
// many parts its publication has. Of more than one, the number of the write
// follows, by which parts that belong together are told from those of another
// write. The rest is the publication as package registry encodes it, or a part.
const valueVersion = 1

// A publication is cut into parts that fit a record with room to spare.
const (
	partSize = 512 << 10
	maxParts = 1 << 10 // more than what a client may register takes
)

var (
	errValue = errors.New("value of no publication")
	// errTooLarge: a client registers more at a time than records hold.
	errTooLarge = errors.New("publication is too large")
)

// A part fits a record, whatever its header.
const _ = uint(record.MaxValue - partSize - 64)

type value struct {
	life  uint64
	parts int
	write uint64 // of more than one part
	data  []byte
}

func appendHeader(b []byte, life uint64, parts int, write uint64) []byte {
	b = append(b, valueVersion)
	b = binary.AppendUvarint(b, life)
	b = binary.AppendUvarint(b, uint64(parts))
	if parts > 1 {
		b = binary.AppendUvarint(b, write)
	}
	return b
}

func decodeValue(b []byte) (v value, err error) {
	if len(b) == 0 {
		return v, fmt.Errorf("%w: empty", errValue)
	}
	if b[0] != valueVersion {
		return v, fmt.Errorf("%w: version %d", errValue, b[0])
	}
	b = b[1:]
	ok := true
	next := func() (n uint64) {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[used:]
		return n
	}
	v.life = next()
	parts := next()
	if parts > 1 {
		v.write = next()
	}
	switch {
	case !ok:
		return v, fmt.Errorf("%w: truncated", errValue)
	case parts == 0 || parts > maxParts:
		return v, fmt.Errorf("%w: %d parts", errValue, parts)
	}
	v.parts, v.data = int(parts), b
	return v, nil
}

// appendLife and decodeLife are the value under keyLife.
func appendLife(life uint64) []byte { return binary.AppendUvarint([]byte{valueVersion}, life) }

func decodeLife(b []byte) (uint64, bool) {
	if len(b) < 2 || b[0] != valueVersion {
		return 0, false
	}
	life, n := binary.Uvarint(b[1:])
	return life, n > 0
}
