package app

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/musterhq/muster/wire"
)

// The keys that encrypt gossip guard Raft's port as well, by mutual TLS: each
// key is made an authority, whose private key follows from it, and a server
// shows a certificate that it signed by itself with the key in use. So whoever
// has the key is a server, as in gossip, and keys are exchanged in the same
// way: the new one is added everywhere before any server uses it.

// raftName is what a certificate is for. Who the other server is, the hello of
// package consensus says: all that have the key are trusted alike.
const raftName = "raft.muster"

// raftTLS returns nil if there are no keys.
func raftTLS(ring *wire.Keyring) (*tls.Config, error) {
	if ring == nil || ring.Empty() {
		return nil, nil
	}
	trusted := x509.NewCertPool()
	for _, key := range ring.Keys() {
		ca, _, err := authority(key)
		if err != nil {
			return nil, err
		}
		trusted.AddCert(ca)
	}
	ca, signer, err := authority(ring.Primary())
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("a key for Raft's port: %w", err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: raftName}, DNSNames: []string{raftName},
		NotBefore: always, NotAfter: forever, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, signer)
	if err != nil {
		return nil, fmt.Errorf("a certificate for Raft's port: %w", err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}},
		RootCAs:      trusted, ClientCAs: trusted, ServerName: raftName, MinVersion: tls.VersionTLS13,
	}, nil
}

// The clocks of servers do not matter: a key is good for as long as it is in
// the file.
var (
	always  = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	forever = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
)

// authority returns what every server that has the key makes of it. Both are
// the same on all of them, now and in later versions.
func authority(key []byte) (*x509.Certificate, ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, key, nil, "muster raft port 1", ed25519.SeedSize)
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the key of Raft's port: %w", err)
	}
	private := ed25519.NewKeyFromSeed(seed)
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, nil, errors.New("deriving the key of Raft's port: not an Ed25519 key")
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: fmt.Sprintf("muster %x", sha256.Sum256(public))},
		NotBefore: always, NotAfter: forever, KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(nil, template, template, public, private)
	if err != nil {
		return nil, nil, fmt.Errorf("deriving the authority of Raft's port: %w", err)
	}
	ca, err := x509.ParseCertificate(der)
	return ca, private, err
}
