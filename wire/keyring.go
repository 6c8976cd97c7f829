package wire

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// Keyring holds the keys of a cluster. Messages are encrypted with the primary
// one and decrypted with whichever fits, so that a key is changed in three
// rounds over all members: Add the new, Use the new, Remove the old.
//
// The zero Keyring is empty, which means no encryption. All methods may be
// called at any time from anywhere; those that read never wait.
type Keyring struct {
	mu    sync.Mutex // one writer at a time
	state atomic.Pointer[ringState]
}

// ringState never changes. The primary key comes first.
type ringState []ringKey

// ringKey keeps the cipher with the key: preparing one costs more than
// encrypting a packet.
type ringKey struct {
	key  []byte
	aead cipher.AEAD
}

// NewKeyring returns a ring of the given keys. As in memberlist the primary
// key need not be among them, and is only optional if there are none.
func NewKeyring(keys [][]byte, primary []byte) (*Keyring, error) {
	k := new(Keyring)
	if len(keys) == 0 && len(primary) == 0 {
		return k, nil
	}
	if err := k.Add(primary); err != nil {
		return nil, fmt.Errorf("primary key: %w", err)
	}
	for _, key := range keys {
		if err := k.Add(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// Add copies a key of 16, 24 or 32 bytes into the ring, as AES-128, -192 or
// -256. The first becomes the primary one. One already there is no error.
func (k *Keyring) Add(key []byte) error {
	if n := len(key); n != 16 && n != 24 && n != 32 {
		return fmt.Errorf("%d bytes, not 16, 24 or 32: %w", n, ErrKey)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.load()
	if old.index(key) < 0 {
		k.store(append(slices.Clone(old), ringKey{bytes.Clone(key), aead}))
	}
	return nil
}

// Use makes a key of the ring the primary one. Peers must already have it.
func (k *Keyring) Use(key []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.load()
	i := old.index(key)
	if i < 0 {
		return fmt.Errorf("not in the ring: %w", ErrKey)
	}
	next := ringState{old[i]}
	next = append(next, old[:i]...)
	k.store(append(next, old[i+1:]...))
	return nil
}

// Remove takes a key out of the ring. The primary one cannot be removed; one
// that is not there is no error.
func (k *Keyring) Remove(key []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.load()
	switch i := old.index(key); {
	case i == 0:
		return fmt.Errorf("the primary key cannot be removed: %w", ErrKey)
	case i > 0:
		k.store(slices.Delete(slices.Clone(old), i, i+1))
	}
	return nil
}

// Keys returns copies of the keys, the primary one first.
func (k *Keyring) Keys() [][]byte {
	var keys [][]byte
	for _, e := range k.load() {
		keys = append(keys, bytes.Clone(e.key))
	}
	return keys
}

// Primary returns a copy of the primary key, nil if the ring is empty.
func (k *Keyring) Primary() []byte {
	if s := k.load(); len(s) > 0 {
		return bytes.Clone(s[0].key)
	}
	return nil
}

// Empty says whether there is no key, and so no encryption. A nil Keyring is
// empty.
func (k *Keyring) Empty() bool { return len(k.load()) == 0 }

func (k *Keyring) load() ringState {
	if k == nil {
		return nil
	}
	if s := k.state.Load(); s != nil {
		return *s
	}
	return nil
}

func (k *Keyring) store(s ringState) { k.state.Store(&s) }

func (s ringState) index(key []byte) int {
	return slices.IndexFunc(s, func(e ringKey) bool { return bytes.Equal(e.key, key) })
}
