package muster_test

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/mustertest"
)

// silent keeps a transport's warnings out of the output, but for -v.
func silent() *slog.Logger {
	w := io.Discard
	if testing.Verbose() {
		w = os.Stderr
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

// overTCP gives a node a TCPTransport over the network's streams: whatever the
// network does to them, packets have to come through or be lost as over UDP.
func overTCP(network *mustertest.Network, name string, o muster.TCPOptions) func(*muster.Config) {
	o.Logger = silent()
	return func(c *muster.Config) { c.Transport = muster.TCPOver(network.Transport(name), o) }
}

// tcpCluster starts nodes n0, n1 ... and waits for them to be one cluster.
func tcpCluster(t *testing.T, network *mustertest.Network, size int) []*muster.Node {
	t.Helper()
	return mustertest.Cluster(t, network, size, func(i int, c *muster.Config) {
		overTCP(network, fmt.Sprintf("n%d", i), muster.TCPOptions{})(c)
	})
}

// noPackets fails the test if the network carries anything but streams.
func noPackets(t *testing.T, network *mustertest.Network) {
	t.Helper()
	if c := network.Counters(mustertest.Any, mustertest.Any); c.Packets > 0 {
		t.Errorf("%d packets were sent beside the streams", c.Packets)
	}
}

// A failure is noticed as soon as over UDP, a crash as well as a cut, and who
// comes back at the same address is a member at once.
func TestTCPClusterInVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		nodes := tcpCluster(t, network, 8)
		noted := func(what string, limit time.Duration, alive ...*muster.Node) {
			t.Helper()
			begin := time.Now()
			mustertest.AwaitMembers(t, alive...)
			if took := time.Since(begin); took > limit {
				t.Errorf("%s was known to all after %v, want %v at most", what, took, limit)
			}
		}
		if err := nodes[7].Close(); err != nil {
			t.Fatal(err)
		}
		noted("a crash", 20*time.Second, nodes[:7]...)
		nodes[7] = mustertest.Start(t, network, "n7", overTCP(network, "n7", muster.TCPOptions{}))
		if _, err := nodes[7].Join(t.Context(), network.Addr("n3").String()); err != nil {
			t.Fatal(err)
		}
		noted("the return", 5*time.Second, nodes...)
		network.Isolate("n6")
		noted("a cut", 20*time.Second, append(nodes[:6:6], nodes[7])...)
		network.Heal()
		noted("the healing", time.Minute, nodes...)
		noPackets(t, network)
	})
}

// A quiet cluster stays whole for an hour, over links that lose: nobody is
// declared dead, though streams are opened anew meanwhile.
func TestTCPNoFalseDeaths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := mustertest.NewNetwork(mustertest.Options{Seed: 1})
		network.SetDefault(mustertest.Link{Loss: 0.02, Delay: time.Millisecond, Tail: 5 * time.Millisecond})
		nodes := tcpCluster(t, network, 5)
		time.Sleep(time.Hour)
		for _, n := range nodes {
			if got := len(n.Members()); got != 5 {
				t.Errorf("%s sees %d members", n.Local().Name, got)
			}
			for _, m := range n.AllMembers() {
				if m.Incarnation > 2 {
					t.Errorf("%s had to refute: incarnation %d", m.Name, m.Incarnation)
				}
			}
		}
	})
}
