package wire

import (
	"bytes"
	"errors"
	"testing"
)

func TestCompound(t *testing.T) {
	for _, n := range []int{1, 2, 254, 255} {
		msgs := make([][]byte, n)
		for i := range msgs {
			msgs[i] = bytes.Repeat([]byte{byte(i)}, i%7) // some are empty
		}
		msgs[n-1] = make([]byte, 65535)
		b, err := AppendCompound([]byte("x"), msgs...)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseCompound(b[2:])
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range msgs {
			got, ok := c.Next()
			if !ok || !bytes.Equal(got, want) {
				t.Fatalf("message %d of %d: %v, %x, want %x", i, n, ok, got, want)
			}
			if cap(got) != len(got) {
				t.Fatalf("message %d of %d reaches into the next", i, n)
			}
		}
		if _, ok := c.Next(); ok || c.Truncated() != 0 {
			t.Fatal("more than was put in")
		}
	}
}

// TestCompoundLimits: memberlist lets the count and the lengths wrap around
// and sends garbage (spec, section 4.6).
func TestCompoundLimits(t *testing.T) {
	for name, msgs := range map[string][][]byte{
		"none": {}, "256": make([][]byte, 256), "too long": {make([]byte, 65536)},
	} {
		if b, err := AppendCompound([]byte("x"), msgs...); !errors.Is(err, ErrTooLarge) || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestCompoundTruncated(t *testing.T) {
	whole, _ := AppendCompound(nil, []byte("aa"), []byte("bb"), []byte("cc"))
	body := whole[1:]
	for n := range body {
		c, err := ParseCompound(body[:n])
		if n < 7 { // count and lengths
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
			continue
		}
		got := 0
		for _, ok := c.Next(); ok; _, ok = c.Next() {
			got++
		}
		if want := (n - 7) / 2; err != nil || got != want || c.Truncated() != 3-want {
			t.Errorf("cut to %d bytes: %d messages, %d lost, %v", n, got, c.Truncated(), err)
		}
	}
}
