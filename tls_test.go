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
	"sync"
	"sync/atomic"
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

// Certificates and then the CA are changed on a running cluster, one member
// after the other and a minute apart. Nobody is suspected for it; in the end
// who still has the old CA's certificate is out.
func TestTLSRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		before, after := newAuthority(t, "old CA"), newAuthority(t, "new CA")
		const size = 5
		var (
			suspected atomic.Int32
			nodes     []*muster.Node
			all       []files
			carriers  []*muster.TCPTransport
		)
		for i := range size {
			name := fmt.Sprintf("n%d", i)
			f := before.newFiles(name, nil)
			node, carrier := tlsNode(t, network, name, muster.TLSConfig{TLSFiles: f.TLSFiles, PeerName: "muster.local"}, func(c *muster.Config) {
				c.OnEvent = func(e muster.Event) {
					if e.Member.State != muster.Alive {
						suspected.Add(1)
					}
				}
			})
			if i > 0 {
				if _, err := node.Join(t.Context(), network.Addr("n0").String()); err != nil {
					t.Fatal(err)
				}
			}
			nodes, all, carriers = append(nodes, node), append(all, f), append(carriers, carrier)
		}
		mustertest.AwaitMembers(t, nodes...)
		outdated := before.newFiles("outdated", nil) // who misses all that follows
		for step, do := range []func(f files){
			func(f files) { f.renew(before, "another of the old CA", nil) },
			func(f files) { f.trust(before, after) },
			func(f files) { f.renew(after, "of the new CA", nil) },
			func(f files) { f.trust(after) },
		} {
			for _, f := range all {
				do(f)
				time.Sleep(time.Minute)
			}
			for i, c := range carriers {
				if s := c.Stats(); s.CertsLoaded != uint64(step+1) || s.CertsRefused != 0 {
					t.Errorf("step %d, n%d: %+v", step, i, s)
				}
			}
		}
		mustertest.AwaitMembers(t, nodes...)
		if n := suspected.Load(); n > 0 {
			t.Errorf("%d times somebody was suspected or declared dead", n)
		}
		revoked := uint64(0)
		for _, c := range carriers {
			revoked += c.Stats().Revoked
		}
		if revoked == 0 {
			t.Error("no stream of the old CA's certificates was closed")
		}
		late, _ := tlsNode(t, network, "outdated", muster.TLSConfig{TLSFiles: outdated.TLSFiles}, nil)
		if _, err := late.Join(t.Context(), network.Addr("n0").String()); !errors.Is(err, muster.ErrPeerNotTrusted) {
			t.Errorf("join with a certificate of the old CA: %v", err)
		}
		noPackets(t, network)
	})
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

// Files that are half written, or do not fit, change nothing, and are told once.
func TestTLSKeepsWhatWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		ca := newAuthority(t, "CA")
		var mu sync.Mutex
		var told []error
		f := ca.newFiles("a", nil)
		a, carrier := tlsNode(t, network, "a", muster.TLSConfig{TLSFiles: f.TLSFiles, OnReload: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		}}, nil)
		b, _ := tlsNode(t, network, "b", muster.TLSConfig{TLSFiles: ca.newFiles("b", nil).TLSFiles}, nil)
		works := func(when string) {
			t.Helper()
			if _, err := b.Join(t.Context(), a.Local().Addr.String()); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
		works("at first")
		cert, key := ca.leaf("new", nil)
		f.write(f.Cert, cert[:len(cert)/2])
		time.Sleep(time.Minute)
		works("with half a certificate")
		f.write(f.Cert, cert)
		time.Sleep(time.Minute)
		works("with a new certificate and the old key")
		if err := carrier.ReloadCertificates(); err == nil {
			t.Error("a certificate without its key was loaded")
		}
		if s := carrier.Stats(); s.CertsLoaded != 0 || s.CertsRefused != 2 {
			t.Errorf("%+v", s)
		}
		f.write(f.Key, key)
		if err := carrier.ReloadCertificates(); err != nil {
			t.Error(err)
		}
		works("with both")
		f.write(f.Key, key) // touched, but the same
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if s := carrier.Stats(); s.CertsLoaded != 1 || len(told) != 3 || told[0] == nil || told[1] == nil || told[2] != nil {
			t.Errorf("%+v, told %v", s, told)
		}
	})
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
		if err := talk(carrier.Addr().String(), cfg); err == nil {
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
