package muster_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

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

// logged is what was logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// The files are looked at also where no handshake gives occasion.
func TestTLSWatchesFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t, "CA")
		f := ca.newFiles("a", nil)
		var log logged
		cfg := muster.TLSConfig{TLSFiles: f.TLSFiles}
		cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
		tr, err := muster.TLSOver(mustertest.NewNetwork(mustertest.Options{}).Transport("a"), cfg)
		if err != nil {
			t.Fatal(err)
		}
		const reminder = "certificate is running out"
		time.Sleep(21 * time.Hour) // of the 24 that are left, of 25 in all
		if strings.Contains(log.String(), reminder) {
			t.Errorf("a reminder too soon: %s", &log)
		}
		time.Sleep(90*time.Minute + time.Second) // a second off the looks at the files: half a change may be met otherwise
		if n := strings.Count(log.String(), reminder); n != 1 && n != 2 {
			t.Errorf("%d reminders: %s", n, &log)
		}
		f.renew(ca, "renewed", nil)
		time.Sleep(10 * time.Second)
		if s := tr.Stats(); s.CertsLoaded != 1 || s.CertsRefused != 0 || time.Until(s.CertExpires) < 23*time.Hour {
			t.Errorf("%+v", s)
		}
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	})
}
