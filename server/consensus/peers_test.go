package consensus

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Two clusters, each alone, that hear of each other stay apart and say why.
func TestClustersStayApart(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, []string{"a"}, nil) // each expects one server
	a := c.start("a")
	c.waitReady("a")
	a.must(t, "set who a")
	b := c.start("b")
	c.waitReady("a", "b")
	b.must(t, "set who b")
	_, err := b.mux.dial(t.Context(), servicePeers, "a", c.addrs["a"])
	if !errors.Is(err, ErrOtherCluster) {
		t.Errorf("b calls a: %v", err)
	}
	if _, err := b.mux.dial(t.Context(), serviceRaft, "a", c.addrs["a"]); !errors.Is(err, ErrOtherCluster) {
		t.Errorf("b speaks Raft to a: %v", err)
	}
	// Whatever the leaders try, for some rounds of theirs.
	for i, n := range []*testNode{a, b} {
		if changed, err := n.reconcileOnce(n.trans.raft.Load()); changed || err != nil {
			t.Errorf("node %d: changed %v, %v", i, changed, err)
		}
		if s := n.Status(); len(s.Servers) != 1 {
			t.Errorf("node %d has %d servers", i, len(s.Servers))
		}
	}
	if a.fsm.get("who") != "a" || b.fsm.get("who") != "b" {
		t.Error("the clusters were mixed")
	}
}

// A server that took over the address of another is not taken for it.
func TestOtherServerAtAddress(t *testing.T) {
	c := newCluster(t, []string{"a"}, nil)
	a := c.start("a")
	c.waitReady("a")
	m := a.mux
	for _, service := range []byte{serviceRaft, servicePeers} {
		if _, err := m.dial(t.Context(), service, "b", c.addrs["a"]); !errors.Is(err, ErrOtherServer) {
			t.Errorf("service %c: %v", service, err)
		}
		if conn, err := m.dial(t.Context(), service, "", c.addrs["a"]); err != nil {
			t.Errorf("service %c without a name: %v", service, err)
		} else if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Bytes of anything else close the connection and do no harm.
func TestStrangers(t *testing.T) {
	c := newCluster(t, []string{"a"}, nil)
	a := c.start("a")
	c.waitReady("a")
	for _, say := range []string{"GET / HTTP/1.1\r\n\r\n", "R\x02xxxxxxxxxxxxxxxxxxxxxxxxxxxx", "", "P\x01" + strings.Repeat("\x00", 17) + "\xff" + strings.Repeat("x", 300),
		string(hello{service: servicePeers, from: "x"}.append(nil)) + "\xff\xff\xff\xff garbage",
		string(hello{service: servicePeers, from: "x"}.append(nil)) + string(encodeFrame(99, 1)),
		string(hello{service: servicePeers, from: "x"}.append(nil)) + string(encodeFrame(askPropose, 1, []byte("nonsense"))) + string(encodeFrame(askFound, 2, []byte("{"))) + string(encodeFrame(askAdmin, 3, []byte("{}")))} {
		conn, err := net.Dial("tcp", c.addrs["a"])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write([]byte(say)); err != nil {
			t.Fatal(err)
		}
		// It may have had enough, and be gone, before we are done.
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil && !errors.Is(err, syscall.ENOTCONN) {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
			t.Errorf("%q: still open", say[:min(len(say), 20)])
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	a.must(t, "set k v")
}

func isTimeout(err error) bool {
	var n net.Error
	return errors.As(err, &n) && n.Timeout()
}

// certificates makes an authority and a configuration for one server of it.
func certificates(t *testing.T) func() *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, ca, ca, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(root)
	return func() *tls.Config {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(2), NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, root, &k.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: k}}, RootCAs: pool, ClientCAs: pool}
	}
}

// All traffic among servers passes over mutual TLS, and nobody without a
// certificate gets a word in.
func TestMutualTLS(t *testing.T) {
	noLeaks(t)
	config := certificates(t)
	c := newCluster(t, three, func(_ string, o *Options) {
		if err := o.Stream.Close(); err != nil {
			t.Fatal(err)
		}
		s, err := Listen("127.0.0.1:0", config())
		if err != nil {
			t.Fatal(err)
		}
		o.Stream, o.Advertise = s, s.Addr().String()
	}).startAll()
	c.node(c.followers()[0]).must(t, "set k v")
	c.same()
	addr := c.addrs["a"]
	for name, dial := range map[string]func() (net.Conn, error){
		"plain": func() (net.Conn, error) { return net.Dial("tcp", addr) },
		"no certificate": func() (net.Conn, error) {
			conf := config()
			conf.Certificates = nil
			return tls.Dial("tcp", addr, conf)
		},
	} {
		conn, err := dial()
		if err != nil {
			continue
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = conn.Write(hello{service: servicePeers, from: "x"}.append(nil))
		if w, err := readWelcome(conn); err == nil {
			t.Errorf("%s: welcomed with %+v", name, w)
		}
		_ = conn.Close()
	}
	if _, err := Listen("127.0.0.1:0", &tls.Config{}); err == nil {
		t.Error("TLS without certificates")
	}
}

func TestHelloRoundTrip(t *testing.T) {
	h := hello{service: serviceRaft, leads: true, cluster: clusterID{1, 2}, from: "a", to: strings.Repeat("b", maxIDLen)}
	got, err := readHello(bytes.NewReader(h.append(nil)))
	if err != nil || got != h {
		t.Errorf("%+v, %v", got, err)
	}
	w := welcome{code: helloOtherServer, cluster: clusterID{3}, server: "c"}
	if got, err := readWelcome(bytes.NewReader(w.append(nil))); err != nil || got != w {
		t.Errorf("%+v, %v", got, err)
	}
	f := frame{kind: askPropose, id: 7, body: []byte("body")}
	if got, err := readFrame(bytes.NewReader(encodeFrame(f.kind, f.id, f.body))); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzReadHello(f *testing.F) {
	f.Add(hello{service: serviceRaft, cluster: clusterID{1}, from: "a", to: "b"}.append(nil))
	f.Add(hello{service: servicePeers, from: "x"}.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := readHello(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, h.append(nil)) {
			t.Errorf("%+v from %x", h, b)
		}
		w, err := readWelcome(bytes.NewReader(b))
		if err == nil && !bytes.HasPrefix(b, w.append(nil)) {
			t.Errorf("%+v from %x", w, b)
		}
	})
}

func FuzzReadFrame(f *testing.F) {
	f.Add(encodeFrame(askPropose, 7, []byte("body")))
	f.Add(encodeReply(9, indexReply(3, []byte("answer"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, err := readFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		if !bytes.HasPrefix(b, encodeFrame(fr.kind, fr.id, fr.body)) {
			t.Errorf("%+v from %x", fr, b)
		}
		if r, err := decodeReply(fr); err == nil {
			_, _, _ = r.index() // must not panic
		}
	})
}
