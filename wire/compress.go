package wire

import (
	"bytes"
	"compress/lzw"
	"fmt"
	"io"
	"slices"
	"sync"
)

// Algorithm names a compression on the wire.
type Algorithm uint8

// LZW is the one algorithm every memberlist peer knows: Go's compress/lzw,
// least significant bit first, 8-bit literals. (Grafana's fork has 1, Snappy.)
const LZW Algorithm = 0

// A Compressor is one more algorithm for Codec.Compressors. It must be safe
// for concurrent use. AppendDecompressed returns ErrTooLarge rather than more
// than limit bytes, and must not make room for them before they exist.
type Compressor interface {
	AppendCompressed(dst, src []byte) ([]byte, error)
	AppendDecompressed(dst, src []byte, limit int) ([]byte, error)
}

// AppendCompressed writes msg as an LZW-compressed message, type byte
// included. The result can be longer than msg; compare before sending it.
func AppendCompressed(dst, msg []byte) ([]byte, error) {
	return appendCompressed(dst, msg, LZW, lzwCompressor{})
}

// AppendDecompressed reads the bytes of a compressed message after its type
// byte and appends at most limit bytes of what they hold. On an error dst is
// returned as it was. It knows LZW only; a Codec knows its Compressors too.
func AppendDecompressed(dst, body []byte, limit int) ([]byte, error) {
	return appendDecompressed(dst, body, limit, nil)
}

// AppendCompressed writes msg compressed with the codec's Algorithm.
func (c *Codec) AppendCompressed(dst, msg []byte) ([]byte, error) {
	algo, err := c.compressor()
	if err != nil {
		return dst, err
	}
	return appendCompressed(dst, msg, c.Algorithm, algo)
}

// AppendDecompressed is like the function, with the codec's Compressors.
func (c *Codec) AppendDecompressed(dst, body []byte, limit int) ([]byte, error) {
	return appendDecompressed(dst, body, limit, c.Compressors)
}

// compressor returns the one for outgoing messages.
func (c *Codec) compressor() (Compressor, error) {
	if c.Algorithm == LZW {
		return lzwCompressor{}, nil
	}
	algo, ok := c.Compressors[c.Algorithm]
	if !ok {
		return nil, fmt.Errorf("algorithm %d: %w", c.Algorithm, ErrCompression)
	}
	return algo, nil
}

func appendCompressed(dst, msg []byte, algo Algorithm, c Compressor) ([]byte, error) {
	start := len(dst)
	dst = appendMap(dst, TypeCompress, 2, 0)
	dst = appendUint(append(dst, keyAlgo...), uint64(algo))
	dst = append(dst, keyBuf...)
	// The length is not known yet and takes one, three or five bytes: leave
	// room for three, which nearly every packet needs.
	at := len(dst)
	const room = 3
	dst, err := c.AppendCompressed(append(dst, make([]byte, room)...), msg)
	if err != nil {
		return dst[:start], fmt.Errorf("compress: %w", err)
	}
	var scratch [5]byte
	header := appendRawHeader(scratch[:0], len(dst)-at-room)
	return slices.Replace(dst, at, at+room, header...), nil
}

func appendDecompressed(dst, body []byte, limit int, others map[Algorithm]Compressor) ([]byte, error) {
	var m compressed
	if err := m.decode(body); err != nil {
		return dst, err
	}
	var c Compressor = lzwCompressor{}
	if m.algo != LZW {
		var ok bool
		if c, ok = others[m.algo]; !ok {
			return dst, fmt.Errorf("algorithm %d: %w", m.algo, ErrCompression)
		}
	}
	out, err := c.AppendDecompressed(dst, m.buf, limit)
	if err != nil {
		return dst, fmt.Errorf("algorithm %d: %w", m.algo, err)
	}
	return out, nil
}

type lzwCompressor struct{}

// An lzw.Writer weighs 80 KB and memberlist makes one for each packet, which
// is most of what it allocates. These are reused.
var (
	lzwWriters = sync.Pool{New: func() any { return new(lzwWriter) }}
	lzwReaders = sync.Pool{New: func() any { return new(lzwReader) }}
)

type lzwWriter struct {
	w   lzw.Writer
	out sink
}

type lzwReader struct {
	r  lzw.Reader
	in bytes.Reader
}

// sink is a byte slice as the io.ByteWriter that lzw wants; given any lesser
// writer it would allocate a buffer around it.
type sink []byte

func (s *sink) Write(p []byte) (int, error) { *s = append(*s, p...); return len(p), nil }
func (s *sink) WriteByte(c byte) error      { *s = append(*s, c); return nil }
func (s *sink) Flush() error                { return nil }

func (lzwCompressor) AppendCompressed(dst, src []byte) ([]byte, error) {
	w := lzwWriters.Get().(*lzwWriter)
	defer lzwWriters.Put(w)
	w.out = dst
	w.w.Reset(&w.out, lzw.LSB, 8)
	_, err := w.w.Write(src)
	if cerr := w.w.Close(); err == nil {
		err = cerr
	}
	dst, w.out = w.out, nil
	return dst, err
}

func (lzwCompressor) AppendDecompressed(dst, src []byte, limit int) ([]byte, error) {
	r := lzwReaders.Get().(*lzwReader)
	defer lzwReaders.Put(r)
	r.in.Reset(src)
	defer r.in.Reset(nil)
	r.r.Reset(&r.in, lzw.LSB, 8)
	defer r.r.Close()
	out, room := dst, max(limit, 0)+1 // one more byte, to notice that there is more
	for {
		if len(out) == cap(out) {
			out = slices.Grow(out, min(max(512, len(out)-len(dst)), room))
		}
		n, err := r.r.Read(out[len(out):min(cap(out), len(out)+room)])
		out, room = out[:len(out)+n], room-n
		switch {
		case room <= 0:
			return dst, ErrTooLarge
		case err == io.EOF:
			return out, nil
		case err != nil:
			return dst, fmt.Errorf("%w: %w", ErrCompression, err)
		}
	}
}
