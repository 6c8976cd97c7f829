package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
)

// random returns n bytes that do not compress, the same in every run.
func random(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestCompress(t *testing.T) {
	// The sizes lie around each change of the length header: 32 and 65536
	// compressed bytes, of which random data needs about 1.3 times as many.
	for _, n := range []int{0, 1, 20, 22, 24, 26, 1400, 48000, 50000, 70000} {
		msg := random(n)
		b, err := AppendCompressed([]byte("before"), msg)
		if err != nil {
			t.Fatal(err)
		}
		if got := b[len("before")]; Type(got) != TypeCompress {
			t.Fatalf("type %d", got)
		}
		out, err := AppendDecompressed([]byte("before"), b[len("before")+1:], n)
		if err != nil || !bytes.Equal(out, append([]byte("before"), msg...)) {
			t.Errorf("%d bytes: %d came back, %v", n, len(out)-len("before"), err)
		}
	}
}

func TestDecompressLimit(t *testing.T) {
	b, err := AppendCompressed(nil, make([]byte, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1, 511, 1<<20 - 1} {
		out, err := AppendDecompressed([]byte("x"), b[1:], limit)
		if !errors.Is(err, ErrTooLarge) || string(out) != "x" {
			t.Errorf("limit %d: %d bytes, %v", limit, len(out), err)
		}
	}
	if out, err := AppendDecompressed(nil, b[1:], 1<<20); err != nil || len(out) != 1<<20 || cap(out) > 5<<18 {
		t.Errorf("%d bytes in %d, %v", len(out), cap(out), err)
	}
}

func TestDecompressRefuses(t *testing.T) {
	good, _ := AppendCompressed(nil, []byte("something to compress"))
	buf := bytes.Index(good, []byte("Buf")) + 4
	for name, c := range map[string]struct {
		body []byte
		want error
	}{
		"unknown algorithm": {cat("\x82", raw("Algo"), num(1), raw("Buf"), raw("")), ErrCompression},
		"algorithm of 256":  {cat("\x82", raw("Algo"), num(256), raw("Buf"), raw("")), ErrRange},
		"no data":           {cat("\x80"), ErrCompression},
		"damaged":           {append(bytes.Clone(good[1:buf]), bytes.Repeat([]byte{0xff}, len(good)-buf)...), ErrCompression},
		"cut":               {good[1 : len(good)-1], ErrTruncated},
	} {
		if out, err := AppendDecompressed(nil, c.body, 100); !errors.Is(err, c.want) || out != nil {
			t.Errorf("%s: %q, %v, want %v", name, out, err, c.want)
		}
	}
}

// xor is another algorithm, if not a good one.
type xor struct{}

func (xor) AppendCompressed(dst, src []byte) ([]byte, error) {
	for _, c := range src[:len(src)/2] { // it halves everything
		dst = append(dst, c^0x55)
	}
	return dst, nil
}

func (xor) AppendDecompressed(dst, src []byte, limit int) ([]byte, error) {
	if len(src) > limit {
		return dst, ErrTooLarge
	}
	for _, c := range src {
		dst = append(dst, c^0x55)
	}
	return dst, nil
}

// broken writes something and then fails.
type broken struct{ xor }

func (broken) AppendCompressed(dst, _ []byte) ([]byte, error) {
	return append(dst, "half"...), ErrCompression
}

func TestBrokenCompressor(t *testing.T) {
	c := &Codec{Algorithm: 7, Compress: true, Compressors: map[Algorithm]Compressor{7: broken{}}}
	if b, err := c.AppendStreamMessage([]byte("x"), []byte{8}); !errors.Is(err, ErrCompression) || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := appendCompressed([]byte("x"), []byte{8}, 7, broken{}); !errors.Is(err, ErrCompression) || string(b) != "x" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestOtherAlgorithm(t *testing.T) {
	c := &Codec{Algorithm: 7, Compress: true, Compressors: map[Algorithm]Compressor{7: xor{}}}
	msg := AppendUser(nil, make([]byte, 199))
	b, err := c.AppendStreamMessage(nil, msg)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Open(b, nil)
	if err != nil || !bytes.Equal(got, msg[:100]) {
		t.Fatalf("%x, %v", got, err)
	}
	if _, err := (&Codec{}).Open(b, nil); !errors.Is(err, ErrCompression) {
		t.Fatal(err)
	}
	if _, err := (&Codec{Algorithm: 8, Compress: true}).AppendStreamMessage(nil, msg); !errors.Is(err, ErrCompression) {
		t.Fatal(err)
	}
}
