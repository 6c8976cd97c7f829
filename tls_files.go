package muster

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"time"
)

// TLSFiles name PEM files. Replace them by renaming if you can; a file that is
// found half written is left alone until it is whole.
//
// To change the CA without an interruption: give all members a CA file with both
// the old and the new one, then certificates of the new one, then a CA file
// without the old one.
type TLSFiles struct {
	Cert string // this member's certificate, then any intermediate ones
	Key  string // its private key
	CA   string // those that sign the members' certificates, one or more
}

const (
	filesPace  = time.Second     // the files are looked at no more often
	filesWatch = 5 * time.Second // nor less often

	remindEvery = time.Hour
)

// stamps tell whether files may have changed.
type stamps [3]stamp

type stamp struct {
	modified time.Time
	size     int64
}

// identity is what the files held: with what we show ourselves, and whom we
// accept.
type identity struct {
	cfg            *TLSConfig
	raw            [3][]byte
	roots          *x509.CertPool
	server, client *tls.Config
	leaf           *x509.Certificate
}

func (f *TLSFiles) stat() (all stamps, err error) {
	for i, name := range []string{f.Cert, f.Key, f.CA} {
		if name == "" {
			return all, fmt.Errorf("%w: TLS needs three files, for the certificate, its key and the CA", ErrConfig)
		}
		info, err := os.Stat(name)
		if err != nil {
			return all, err
		}
		all[i] = stamp{info.ModTime(), info.Size()}
	}
	return all, nil
}

// errTorn is for files that were written to while they were read.
var errTorn = errors.New("the files are being changed")

// load reads the files and checks that they fit each other. Half a new set must
// not be taken for a new set.
func (c *TLSConfig) load() (stamps, *identity, error) {
	before, err := c.stat()
	if err != nil {
		return before, nil, err
	}
	id := &identity{cfg: c}
	for i, name := range []string{c.Cert, c.Key, c.CA} {
		if id.raw[i], err = os.ReadFile(name); err != nil {
			return before, nil, err
		}
	}
	if after, err := c.stat(); err != nil || after != before {
		return before, nil, errors.Join(errTorn, err)
	}
	return before, id, id.parse()
}

func (id *identity) parse() error {
	c := id.cfg
	cert, err := tls.X509KeyPair(id.raw[0], id.raw[1])
	if err != nil {
		return fmt.Errorf("%s with %s: %w", c.Cert, c.Key, err)
	}
	if id.roots, err = parseCAs(id.raw[2]); err != nil {
		return fmt.Errorf("%s: %w", c.CA, err)
	}
	chain, err := parseChain(cert)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Cert, err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if err := id.verify(chain, usage); err != nil {
			return fmt.Errorf("%s: no member would accept this certificate: %w", c.Cert, explain(err))
		}
	}
	id.leaf = chain[0]
	id.configure(cert)
	return nil
}

// configure makes what crypto/tls wants to know.
func (id *identity) configure(cert tls.Certificate) {
	id.server = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: id.roots,
		VerifyConnection:       func(s tls.ConnectionState) error { return id.verify(s.PeerCertificates, x509.ExtKeyUsageClientAuth) },
		SessionTicketsDisabled: true, // a ticket would outlive the CA
	}
	id.client = &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Shown whichever CAs the server names: that it does not know ours it
		// says more clearly than that there was no certificate.
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &cert, nil },
		// Not insecure: VerifyConnection checks all but the name by which the
		// peer was dialled, which is an address and in no certificate.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return id.verify(s.PeerCertificates, x509.ExtKeyUsageServerAuth) },
	}
}

func parseChain(cert tls.Certificate) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for _, der := range cert.Certificate {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		chain = append(chain, c)
	}
	return chain, nil
}

// parseCAs takes a file of nothing but certificates. x509's own reader skips
// what it does not understand, and so would take half a file for a whole one.
func parseCAs(file []byte) (*x509.CertPool, error) {
	pool, n := x509.NewCertPool(), 0
	for {
		block, rest := pem.Decode(file)
		if block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("holds a %s, want certificates", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d: %w", n+1, err)
		}
		if !cert.IsCA && !bytes.Equal(cert.RawIssuer, cert.RawSubject) { // one that has signed itself is trusted by itself
			return nil, fmt.Errorf("certificate %d, of %q, is not a CA's", n+1, cert.Subject)
		}
		pool.AddCert(cert)
		file = rest
		n++
	}
	if bytes.Contains(file, []byte("-----BEGIN")) {
		return nil, fmt.Errorf("is cut off after certificate %d", n)
	}
	if n == 0 {
		return nil, errors.New("holds no certificate")
	}
	return pool, nil
}
