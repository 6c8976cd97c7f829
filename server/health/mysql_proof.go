package health

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what the protocol has
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
)

// Ways to log in.
const (
	wayNative = "mysql_native_password"
	waySHA2   = "caching_sha2_password"
)

// scramble proves that one knows the password. An empty one is proven by
// nothing, in all ways.
func scramble(way string, salt []byte, password string) ([]byte, error) {
	if password == "" {
		return nil, nil
	}
	switch way {
	case wayNative:
		// SHA1(pw) xor SHA1(salt + SHA1(SHA1(pw)))
		one := sha1.Sum([]byte(password))
		two := sha1.Sum(one[:])
		mix := sha1.Sum(append(bytes.Clone(salt), two[:]...))
		return xor(one[:], mix[:]), nil
	case waySHA2:
		// SHA256(pw) xor SHA256(SHA256(SHA256(pw)) + salt)
		one := sha256.Sum256([]byte(password))
		two := sha256.Sum256(one[:])
		mix := sha256.Sum256(append(two[:], salt...))
		return xor(one[:], mix[:]), nil
	}
	return nil, fmt.Errorf("the server wants %.40q, which is not supported", way)
}

func xor(a, with []byte) []byte {
	out := bytes.Clone(a)
	for i := range out {
		out[i] ^= with[i%len(with)]
	}
	return out
}

// Steps of caching_sha2_password.
const (
	sha2Known = 3 // the scramble was right
	sha2Full  = 4 // the server has not seen the account lately and wants the password
	sha2Key   = 2 // asks for the key to encrypt it with
)

// more goes on with caching_sha2_password. Without TLS the password is sent
// under a key that the server names (RSA-OAEP), which keeps it from those who
// listen, not from the server: check with an account that may do little.
func (s *mysqlConn) more(g greeting, b []byte, password string) error {
	switch {
	case g.way != waySHA2 || len(b) == 0:
		return fmt.Errorf("%w: more to log in", errProtocol)
	case b[0] == sha2Known:
		return nil
	case b[0] == sha2Full:
		return s.write([]byte{sha2Key})
	case len(g.salt) == 0:
		return fmt.Errorf("%w: no salt", errProtocol)
	}
	key, err := publicKey(b)
	if err != nil {
		return err
	}
	plain := xor(append([]byte(password), 0), g.salt)
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, plain, nil)
	if err != nil {
		return fmt.Errorf("sending the password: %w", err)
	}
	return s.write(sealed)
}

func publicKey(b []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%w: no key", errProtocol)
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("the server's key: %w", err)
	}
	key, ok := k.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 8192 {
		return nil, fmt.Errorf("%w: the server's key", errProtocol)
	}
	return key, nil
}
