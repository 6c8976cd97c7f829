package muster

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// verify checks a peer's certificates: the chain up to one of the CAs, that all
// are valid now, what they may be used for, and the name.
func (id *identity) verify(peer []*x509.Certificate, usage x509.ExtKeyUsage) error {
	if len(peer) == 0 {
		return errNoCertificate
	}
	between := x509.NewCertPool()
	for _, c := range peer[1:] {
		between.AddCert(c)
	}
	leaf := peer[0]
	opts := x509.VerifyOptions{Roots: id.roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{usage}}
	if _, err := leaf.Verify(opts); err != nil {
		return fmt.Errorf("certificate of %q: %w", leaf.Subject, err)
	}
	if want := id.cfg.PeerName; want != "" && !named(leaf, want) {
		return nameError{leaf, want}
	}
	if id.cfg.VerifyPeer != nil {
		if err := id.cfg.VerifyPeer(leaf); err != nil {
			return fmt.Errorf("certificate of %q: %w", leaf.Subject, err)
		}
	}
	return nil
}

var errNoCertificate = errors.New("the peer shows no certificate")

// nameError is for a certificate that lacks the name that members have.
type nameError struct {
	cert *x509.Certificate
	want string
}

func (e nameError) Error() string {
	names := "no DNS name"
	if len(e.cert.DNSNames) > 0 {
		names = strings.Join(e.cert.DNSNames, ", ")
	}
	return fmt.Sprintf("certificate of %q is for %s, want %s", e.cert.Subject, names, e.want)
}

// named says whether a certificate carries a name. Only the pattern's star
// stands for anything: that of a certificate for "*.muster.local" stands for
// machines, and it is the pattern's owner who says which are members.
func named(cert *x509.Certificate, pattern string) bool {
	pattern = strings.ToLower(strings.TrimSuffix(pattern, "."))
	for _, name := range cert.DNSNames {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if name == pattern {
			return true
		}
		label, parent, ok := strings.Cut(name, ".")
		if rest, wild := strings.CutPrefix(pattern, "*."); ok && wild && label != "" && parent == rest {
			return true
		}
	}
	return false
}

// explain adds to an error of TLS what to do about it.
func explain(err error) error {
	if hint := hintFor(err); hint != "" && !errors.Is(err, ErrPeerNotTrusted) {
		return fmt.Errorf("%w: %w (hint: %s)", ErrPeerNotTrusted, err, hint)
	}
	return err
}

func hintFor(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		invalid x509.CertificateInvalidError
		name    nameError
		record  tls.RecordHeaderError
		verify  *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &unknown):
		return "no CA in the CA file has signed it; while the CA is changed the file must hold the old and the new one"
	case errors.As(err, &invalid):
		return hintForInvalid(invalid)
	case errors.As(err, &name):
		return "TLSConfig.PeerName must be among the DNS names of every member's certificate"
	case errors.Is(err, errNoCertificate):
		return "every member needs a certificate"
	case errors.As(err, &record):
		return "the other side does not speak TLS; all members must use ListenTLS"
	case errors.As(err, &verify):
		return "see TLSConfig"
	}
	return hintForAlert(err)
}

func hintForInvalid(err x509.CertificateInvalidError) string {
	switch err.Reason {
	case x509.Expired:
		const day = "2006-01-02 15:04"
		return fmt.Sprintf("it is valid from %s to %s UTC; are the clocks right?", err.Cert.NotBefore.UTC().Format(day), err.Cert.NotAfter.UTC().Format(day))
	case x509.IncompatibleUsage:
		return "a member is client and server: its certificate needs both extended key usages, clientAuth and serverAuth"
	}
	return "it is not one that this CA should have made"
}

// hintForAlert is for what the other side finds wrong with us. The alert's type
// is not exported; its words are those of RFC 8446.
func hintForAlert(err error) string {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" {
		return ""
	}
	switch said := op.Err.Error(); {
	case strings.Contains(said, "unknown certificate authority"):
		return "the peer's CA file does not hold the CA that signed our certificate"
	case strings.Contains(said, "expired certificate"):
		return "the peer finds our certificate expired, or not valid yet"
	case strings.Contains(said, "certificate required"):
		return "the peer wants a certificate and got none"
	case strings.Contains(said, "certificate"):
		return "the peer refuses our certificate, and its log says why"
	}
	return "the peer refused the handshake, and its log may say why"
}
