package wire

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

var (
	key1 = []byte("1111111111111111")
	key2 = []byte("222222222222222222222222")
	key3 = []byte("33333333333333333333333333333333")
)

func mustRing(t testing.TB, keys ...[]byte) *Keyring {
	t.Helper()
	k, err := NewKeyring(keys, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// initials names a ring's keys by their first byte, in order.
func initials(k *Keyring) (s string) {
	for _, key := range k.Keys() {
		s += string(key[:1])
	}
	return s
}

func TestKeyring(t *testing.T) {
	k, err := NewKeyring([][]byte{key1, key2, key1}, key3)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name string
		do   func() error
		want error
		keys string
	}{
		{"new, primary first and each once", func() error { return nil }, nil, "312"},
		{"use", func() error { return k.Use(key2) }, nil, "231"},
		{"use what is used", func() error { return k.Use(key2) }, nil, "231"},
		{"use a stranger", func() error { return k.Use([]byte("4444444444444444")) }, ErrKey, "231"},
		{"remove the primary", func() error { return k.Remove(key2) }, ErrKey, "231"},
		{"remove", func() error { return k.Remove(key3) }, nil, "21"},
		{"remove a stranger", func() error { return k.Remove(key3) }, nil, "21"},
		{"add", func() error { return k.Add(key3) }, nil, "213"},
		{"add again", func() error { return k.Add(key1) }, nil, "213"},
		{"add a short one", func() error { return k.Add([]byte("short")) }, ErrKey, "213"},
	} {
		if err := step.do(); !errors.Is(err, step.want) || initials(k) != step.keys {
			t.Errorf("%s: %v, %s; want %v, %s", step.name, err, initials(k), step.want, step.keys)
		}
	}
	if string(k.Primary()) != string(key2) {
		t.Errorf("primary %q", k.Primary())
	}
}

func TestKeyringEmpty(t *testing.T) {
	k, err := NewKeyring(nil, nil)
	if err != nil || !k.Empty() || k.Keys() != nil || k.Primary() != nil || !(*Keyring)(nil).Empty() {
		t.Fatal("a ring without keys is not empty")
	}
	if err := k.Remove(key1); err != nil { // memberlist panics here
		t.Fatal(err)
	}
	if _, err := NewKeyring([][]byte{key1}, nil); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	if _, err := NewKeyring([][]byte{[]byte("short")}, key1); !errors.Is(err, ErrKey) {
		t.Fatal(err)
	}
	if err := k.Add(key1); err != nil || k.Empty() || initials(k) != "1" {
		t.Fatal("the first key is not the primary one")
	}
}

// TestKeyringCopies: neither what is given in nor what is handed out reaches
// the ring's own memory.
func TestKeyringCopies(t *testing.T) {
	given := []byte("1111111111111111")
	k := mustRing(t, given)
	given[0] = 'x'
	k.Keys()[0][0] = 'y'
	k.Primary()[0] = 'z'
	if initials(k) != "1" {
		t.Fatal(initials(k))
	}
}

// TestKeyringConcurrent is for the race detector: rotation while packets pass.
func TestKeyringConcurrent(t *testing.T) {
	k := mustRing(t, key1, key2)
	c := &Codec{Keyring: k}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for i := range 200 {
				pkt, err := c.Seal(nil, []byte{0, 0x80}, false)
				if err == nil {
					_, err = c.Open(pkt, nil)
				}
				if err != nil {
					t.Error(fmt.Errorf("round %d: %w", i, err))
				}
			}
		})
	}
	for range 100 {
		for _, err := range []error{k.Use(key2), k.Add(key3), k.Use(key1), k.Remove(key3)} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	wg.Wait()
}
