package memberlist

import (
	"bytes"
	"errors"

	"github.com/musterhq/muster/wire"
)

// Keyring holds the keys of a cluster. What is sent is encrypted with the
// primary one; what comes in is decrypted with whichever fits. So a key is
// changed in three rounds over all nodes, while they run: AddKey the new one,
// UseKey it, RemoveKey the old one.
type Keyring struct {
	ring wire.Keyring
}

// Errors of a Keyring, which they leave as it was.
var (
	errKeySize    = errors.New("key size must be 16, 24 or 32 bytes")
	errNoPrimary  = errors.New("empty primary key not allowed")
	errUnknownKey = errors.New("requested key is not in the keyring")
	errPrimaryKey = errors.New("removing the primary key is not allowed")
)

// NewKeyring returns a ring of the given keys. The primary one need not be
// among them, and may be missing only if there are none: that is a ring
// without encryption, for now.
func NewKeyring(keys [][]byte, primaryKey []byte) (*Keyring, error) {
	k := new(Keyring)
	if len(keys) == 0 && len(primaryKey) == 0 {
		return k, nil
	}
	if len(primaryKey) == 0 {
		return nil, errNoPrimary
	}
	for _, key := range append([][]byte{primaryKey}, keys...) {
		if err := k.AddKey(key); err != nil {
			return nil, err
		}
	}
	return k, nil
}

// ValidateKey returns an error for a key that is not 16, 24 or 32 bytes long,
// as AES-128, AES-192 and AES-256 have them.
func ValidateKey(key []byte) error {
	switch len(key) {
	case 16, 24, 32:
		return nil
	}
	return errKeySize
}

// AddKey puts a key into the ring, from when on it is used to decrypt. One
// that is there already is no error.
func (k *Keyring) AddKey(key []byte) error {
	if err := ValidateKey(key); err != nil {
		return err
	}
	return k.ring.Add(key)
}

// UseKey makes a key of the ring the one to encrypt with. The other nodes
// must have it.
func (k *Keyring) UseKey(key []byte) error {
	if k.ring.Use(key) != nil {
		return errUnknownKey // nothing else can go wrong
	}
	return nil
}

// RemoveKey takes a key out of the ring, other than the primary one. One that
// is not there is no error.
func (k *Keyring) RemoveKey(key []byte) error {
	if bytes.Equal(key, k.ring.Primary()) && len(key) > 0 {
		return errPrimaryKey
	}
	if k.ring.Remove(key) != nil {
		return errPrimaryKey // it has become that meanwhile
	}
	return nil
}

// GetKeys returns copies of the keys, the primary one first.
func (k *Keyring) GetKeys() [][]byte { return append([][]byte{}, k.ring.Keys()...) }

// GetPrimaryKey returns a copy of the key to encrypt with, nil if there is none.
func (k *Keyring) GetPrimaryKey() (key []byte) { return k.ring.Primary() }
