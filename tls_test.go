package muster_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// tlsNode starts a node over TLS on a network.
func tlsNode(t *testing.T, network *mustertest.Network, name string, cfg muster.TLSConfig, change func(*muster.Config)) (*muster.Node, *muster.TCPTransport) {
	t.Helper()
	cfg.Logger = silent()
	tr, err := muster.TLSOver(network.Transport(name), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return mustertest.Start(t, network, name, func(c *muster.Config) {
		c.Transport = tr
		if change != nil {
			change(c)
		}
	}), tr
}

// Whom a cluster does not take in, and what both sides say.
func TestTLSRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		ca, other := newAuthority(t, "cluster CA"), newAuthority(t, "another CA")
		accept := func(c *x509.Certificate) error {
			if c.Subject.CommonName == "banned" {
				return errors.New("is banned")
			}
			return nil
		}
		good := func(c *x509.Certificate) { c.DNSNames = []string{"m1.cluster.local"} }
		cfg := muster.TLSConfig{TLSFiles: ca.newFiles("member", good).TLSFiles, PeerName: "*.cluster.local", VerifyPeer: accept}
		member, carrier := tlsNode(t, network, "member", cfg, nil)
		for i, test := range []struct {
			who    string
			signed *authority
			change func(*x509.Certificate)
			hint   string // what the stranger is told
		}{
			{"friend", ca, good, ""},
			{"of another CA", other, good, "the peer's CA file does not hold the CA that signed our certificate"},
			{"banned", ca, good, "the peer refuses our certificate"},
			{"of another name", ca, func(c *x509.Certificate) { c.DNSNames = []string{"web.example.org"} }, "the peer refuses our certificate"},
			{"of a deeper name", ca, func(c *x509.Certificate) {
				c.DNSNames = []string{"a.m1.cluster.local", "cluster.local", "xcluster.local"}
			}, "the peer refuses our certificate"},
			{"of all names", ca, func(c *x509.Certificate) { c.DNSNames = []string{"*.local"} }, "the peer refuses our certificate"},
			{"in capitals", ca, func(c *x509.Certificate) { c.DNSNames = []string{"web.example.org", "M7.Cluster.Local"} }, ""},
			{"of no name", ca, func(c *x509.Certificate) { c.DNSNames = nil }, "the peer refuses our certificate"},
			{"expired meanwhile", ca, func(c *x509.Certificate) { good(c); c.NotAfter = time.Now().Add(time.Minute) }, "the peer finds our certificate expired"},
		} {
			f := test.signed.newFiles(test.who, test.change)
			f.trust(ca, other) // whom the stranger itself would accept
			stranger, _ := tlsNode(t, network, fmt.Sprintf("s%d", i), muster.TLSConfig{TLSFiles: f.TLSFiles}, nil)
			if test.who == "expired meanwhile" {
				time.Sleep(2 * time.Minute)
			}
			failed := carrier.Stats().GreetingsFailed
			_, err := stranger.Join(t.Context(), network.Addr("member").String())
			if test.hint == "" {
				if err != nil {
					t.Errorf("%s: %v", test.who, err)
				}
				continue
			}
			if !errors.Is(err, muster.ErrPeerNotTrusted) || !strings.Contains(err.Error(), test.hint) {
				t.Errorf("%s: %v, want the hint: %s", test.who, err, test.hint)
			}
			if carrier.Stats().GreetingsFailed == failed {
				t.Errorf("%s: the refusal was not counted", test.who)
			}
			if _, ok := member.Member(fmt.Sprintf("s%d", i)); ok {
				t.Errorf("%s is a member", test.who)
			}
			if err := stranger.Close(); err != nil {
				t.Error(err)
			}
		}
		// The other way round: it is the one who dials that refuses.
		f := ca.newFiles("wary", nil)
		f.trust(ca)
		cfg = muster.TLSConfig{TLSFiles: f.TLSFiles, PeerName: "muster.local"}
		wary, _ := tlsNode(t, network, "wary", cfg, nil)
		if _, err := wary.Join(t.Context(), network.Addr("member").String()); !errors.Is(err, muster.ErrPeerNotTrusted) || !strings.Contains(err.Error(), `is for m1.cluster.local, want muster.local`) {
			t.Errorf("a member without the name that is wanted: %v", err)
		}
	})
}

// Certificates that no peer would accept are refused at the start, with a hint.
func TestTLSStartsWithWhatFits(t *testing.T) {
	ca, other := newAuthority(t, "cluster CA"), newAuthority(t, "another CA")
	for want, spoil := range map[string]func(f *files){
		"needs three files":                     func(f *files) { f.CA = "" },
		"no such file":                          func(f *files) { f.Key += ".gone" },
		"private key does not match public key": func(f *files) { cert, _ := ca.leaf("another", nil); f.write(f.Cert, cert) },
		"no CA in the CA file has signed it":    func(f *files) { f.trust(other) },
		"it is valid from": func(f *files) {
			f.renew(ca, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
		},
		"are the clocks right": func(f *files) {
			f.renew(ca, "early", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
		},
		"needs both extended key usages":           func(f *files) { f.renew(ca, "server", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[:1] }) },
		"TLSConfig.PeerName must be among the DNS": func(f *files) { f.renew(ca, "x", func(c *x509.Certificate) { c.DNSNames = []string{"other.local"} }) },
		"is not a CA's":                            func(f *files) { cert, _ := ca.leaf("x", nil); f.write(f.CA, cert) },
		"holds no certificate":                     func(f *files) { f.write(f.CA, []byte("# empty\n")) },
		"is cut off after certificate 1":           func(f *files) { f.write(f.CA, append(ca.pem, other.pem[:200]...)) },
		"holds a PRIVATE KEY":                      func(f *files) { _, key := ca.leaf("x", nil); f.write(f.CA, key) },
	} {
		f := ca.newFiles("member", nil)
		spoil(&f)
		tr, err := muster.ListenTLS("127.0.0.1:0", muster.TLSConfig{TLSFiles: f.TLSFiles, PeerName: "muster.local"})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want: %s", err, want)
		}
		if err == nil {
			_ = tr.Close()
		}
	}
}

// Over real sockets: who does not speak TLS, or an old one, or has no
// certificate, does not get in; nor does TLS get into a cluster without.
func TestTLSAndPlaintextKeepApart(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "CA")
	listen := func(name string) *muster.TCPTransport {
		tr, err := muster.ListenTLS("127.0.0.1:0", muster.TLSConfig{TLSFiles: ca.newFiles(name, nil).TLSFiles, TCPOptions: muster.TCPOptions{Logger: silent()}})
		if err != nil {
			t.Fatal(err)
		}
		return tr
	}
	start := func(name string, tr muster.Transport, err error) *muster.Node {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return realNode(t, name, tr)
	}
	carrier := listen("secure")
	secure := start("secure", carrier, nil)
	friend := start("friend", listen("friend"), nil)
	join := func(n *muster.Node, to *muster.Node) error {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := n.Join(ctx, to.Local().Addr.String())
		return err
	}
	if err := join(friend, secure); err != nil {
		t.Fatal(err)
	}
	udp, err := muster.ListenUDPTCP("127.0.0.1:0") // as memberlist has it
	plain := start("plain", udp, err)
	tcp, err := muster.ListenTCP("127.0.0.1:0", muster.TCPOptions{Logger: silent()})
	tcpOnly := start("tcp", tcp, err)
	for _, n := range []*muster.Node{plain, tcpOnly} {
		if err := join(n, secure); err == nil {
			t.Errorf("%s joined", n.Local().Name)
		}
		if err := join(secure, n); !errors.Is(err, muster.ErrPeerNotTrusted) && !isEnd(err) {
			t.Errorf("joined %s, or failed for no good reason: %v", n.Local().Name, err)
		}
	}
	if s := carrier.Stats(); s.GreetingsFailed < 2 {
		t.Errorf("%+v", s)
	}
	if got := len(secure.Members()); got != 2 {
		t.Errorf("%d members", got)
	}
	cert, key := ca.leaf("client", nil)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	for what, cfg := range map[string]*tls.Config{
		"no certificate": {InsecureSkipVerify: true},
		"TLS 1.2":        {InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}},
	} {
		if err := talk(carrier.Addr().String(), cfg); err == nil || errors.Is(err, errNoAnswer) {
			t.Errorf("%s: not refused", what)
		}
	}
	if err := talk(carrier.Addr().String(), &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}}); !errors.Is(err, errNoAnswer) {
		t.Errorf("with a certificate: %v", err)
	}
}

// isEnd tells a stream that the other side closed.
func isEnd(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.As(err, &op)
}

var errNoAnswer = errors.New("taken in, and not answered")

// talk opens a stream of TLS, says the beginning of something and waits.
func talk(addr string, cfg *tls.Config) error {
	conn, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.Write([]byte{0}); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
		return err
	}
	_, err = conn.Read(make([]byte, 1))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errNoAnswer
	}
	return err
}
