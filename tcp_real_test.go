package muster_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// realNode starts a node over a transport of real sockets, with settings that
// notice a failure within a second or two.
func realNode(t *testing.T, name string, tr muster.Transport) *muster.Node {
	t.Helper()
	return mustertest.Start(t, nil, name, func(c *muster.Config) {
		*c = muster.Local()
		c.ProbeInterval, c.ProbeTimeout = 250*time.Millisecond, 100*time.Millisecond
		c.StreamTimeout = 10 * time.Second // for machines that are busy
		c.Name, c.Transport, c.Logger = name, tr, silent()
	})
}

// Over real sockets, plain and with TLS: a cluster forms, spreads messages,
// notices a crash, and takes back who restarts on the same port.
func TestTCPClusterOverRealSockets(t *testing.T) {
	for _, kind := range []string{"tcp", "tls"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t, "CA")
			listen := func(name, bind string) *muster.TCPTransport {
				t.Helper()
				opts := muster.TCPOptions{Logger: silent()}
				tr, err := muster.ListenTCP(bind, opts)
				if kind == "tls" {
					if err == nil {
						err = tr.Close()
					}
					if err == nil {
						tr, err = muster.ListenTLS(bind, muster.TLSConfig{TLSFiles: ca.newFiles(name, nil).TLSFiles, PeerName: "muster.local", TCPOptions: opts})
					}
				}
				if err != nil {
					t.Fatal(err)
				}
				return tr
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var nodes []*muster.Node
			for i := range 5 {
				name := fmt.Sprintf("n%d", i)
				n := realNode(t, name, listen(name, "127.0.0.1:0"))
				nodes = append(nodes, n)
				if _, err := n.Join(ctx, nodes[0].Local().Addr.String()); err != nil {
					t.Fatal(err)
				}
			}
			mustertest.AwaitMembers(t, nodes...)
			if err := nodes[1].Send(ctx, "n2", make([]byte, 1<<20)); err != nil {
				t.Error(err)
			}
			if err := nodes[4].Close(); err != nil {
				t.Fatal(err)
			}
			mustertest.AwaitMembers(t, nodes[:4]...)
			nodes[4] = realNode(t, "n4", listen("n4", nodes[4].Local().Addr.String()))
			if _, err := nodes[4].Join(ctx, nodes[2].Local().Addr.String()); err != nil {
				t.Fatal(err)
			}
			mustertest.AwaitMembers(t, nodes...)
		})
	}
}
