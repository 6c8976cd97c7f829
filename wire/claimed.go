package wire

import (
	"bufio"
	"io"
	"slices"
)

// readN appends n bytes of r to b. It makes room only for what the sender has
// proved able to send: a claimed length of 20 MiB costs us 4 KiB until it
// comes true. The end of the stream gives io.ErrUnexpectedEOF.
func readN(r *bufio.Reader, b []byte, n int) ([]byte, error) {
	for n > 0 {
		step := min(n, max(4096, len(b)))
		b = slices.Grow(b, step)
		got, err := io.ReadFull(r, b[len(b):len(b)+step])
		b = b[:len(b)+got]
		if err != nil {
			return b, unexpected(err)
		}
		n -= got
	}
	return b, nil
}
