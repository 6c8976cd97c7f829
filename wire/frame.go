package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// FrameOverhead is the length that precedes a frame's payload.
const FrameOverhead = 4

// AppendFrame writes payload preceded by its length, which must fit 32 bits.
// Frames are what muster peers exchange on a stream they keep open; they add
// neither secrecy nor compression, which come from putting a stream message
// inside.
func AppendFrame(dst, payload []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
	return append(dst, payload...)
}

// ReadFrame reads one frame into buf's storage, growing it as bytes arrive,
// and returns the payload. It returns io.EOF when the stream ends between two
// frames, ErrTooLarge for one of more than limit bytes.
func ReadFrame(r *bufio.Reader, buf []byte, limit int) ([]byte, error) {
	n, err := readLength(r)
	if err != nil {
		return nil, err
	}
	if uint64(n) > uint64(max(limit, 0)) {
		return nil, fmt.Errorf("frame of %d bytes: %w", n, ErrTooLarge)
	}
	buf, err = readN(r, buf[:0], int(n))
	if err != nil {
		return nil, fmt.Errorf("frame: %w", err)
	}
	return buf, nil
}

// readLength reads four bytes; io.EOF means there was not even one.
func readLength(r *bufio.Reader) (uint32, error) {
	var n uint32
	for i := range 4 {
		c, err := r.ReadByte()
		if err != nil {
			if err == io.EOF && i > 0 {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		n = n<<8 | uint32(c)
	}
	return n, nil
}

// readN appends n bytes of r to b. It makes room only for what the sender has
// proved able to send: a claimed length of 20 MiB costs us 4 KiB until it
// comes true.
func readN(r *bufio.Reader, b []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, max(4096, len(b)))
		b = slices.Grow(b, step)
		got, err := io.ReadFull(r, b[len(b):len(b)+step])
		b = b[:len(b)+got]
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return b, err
		}
		n -= got
	}
	return b, nil
}
