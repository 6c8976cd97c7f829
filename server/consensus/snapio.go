package consensus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
)

// sumWriter writes and sums; after the first error it does nothing.
type sumWriter struct {
	w   *bufio.Writer
	sum hash.Hash32
	err error
}

func (w *sumWriter) bytes(b []byte) {
	if w.err != nil {
		return
	}
	_, _ = w.sum.Write(b) // a hash never fails
	_, w.err = w.w.Write(b)
}

func (w *sumWriter) u32(v uint32) { w.bytes(binary.BigEndian.AppendUint32(nil, v)) }
func (w *sumWriter) u64(v uint64) { w.bytes(binary.BigEndian.AppendUint64(nil, v)) }

// sumReader reads and sums; after the first error it gives zeros.
type sumReader struct {
	r   *bufio.Reader
	sum hash.Hash32
	err error
}

func (r *sumReader) bytes(n int) []byte {
	if r.err != nil {
		return make([]byte, min(n, 16))
	}
	b := make([]byte, n)
	if _, r.err = io.ReadFull(r.r, b); r.err == nil {
		_, _ = r.sum.Write(b) // a hash never fails
	}
	return b
}

func (r *sumReader) u32() uint32 { return binary.BigEndian.Uint32(r.bytes(4)) }
func (r *sumReader) u64() uint64 { return binary.BigEndian.Uint64(r.bytes(8)) }

// chunkWriter frames what it is given.
type chunkWriter struct{ w *sumWriter }

func (c chunkWriter) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	c.w.u32(uint32(len(b)))
	c.w.bytes(b)
	return len(b), c.w.err
}

// chunkReader undoes chunkWriter; io.EOF at the end mark, and only there.
type chunkReader struct {
	r    *sumReader
	left int
	end  bool
}

func (c *chunkReader) Read(b []byte) (int, error) {
	if c.end {
		return 0, io.EOF
	}
	if len(b) == 0 {
		return 0, nil
	}
	for c.left == 0 {
		n := c.r.u32()
		if c.r.err != nil {
			return 0, fmt.Errorf("%w: snapshot cut short: %w", ErrCorrupt, noEOF(c.r.err))
		}
		if n == 0 {
			c.end = true
			return 0, io.EOF
		}
		if n > 1<<30 {
			return 0, fmt.Errorf("%w: chunk of %d bytes", ErrCorrupt, n)
		}
		c.left = int(n)
	}
	n, err := c.r.r.Read(b[:min(len(b), c.left)])
	_, _ = c.r.sum.Write(b[:n]) // a hash never fails
	c.left -= n
	if err != nil {
		return n, fmt.Errorf("%w: snapshot cut short: %w", ErrCorrupt, noEOF(err))
	}
	return n, nil
}

// noEOF keeps a reader of the state from taking a cut for its end.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
