package memberlist

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-metrics"
)

// TestKeyRotation changes the key of a running cluster without losing anybody.
func TestKeyRotation(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		first, second := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 32)
		var all []*member
		for i := range 3 {
			conf := quick(network, fmt.Sprint(i))
			conf.SecretKey = first
			all = append(all, start(t, conf))
			if i > 0 {
				all[i].join(t, all[0])
			}
		}
		step := func(change func(*Keyring) error) {
			for _, m := range all {
				if err := change(m.conf.Keyring); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second) // the others have not followed yet
			}
		}
		step(func(k *Keyring) error { return k.AddKey(second) })
		step(func(k *Keyring) error { return k.UseKey(second) })
		step(func(k *Keyring) error { return k.RemoveKey(first) })
		time.Sleep(10 * time.Second)
		for _, m := range all {
			if m.NumMembers() != 3 || len(m.rec.all("leave")) > 0 {
				t.Errorf("%s has %v after %q", m.conf.Name, m.Members(), m.rec.all("leave"))
			}
		}
		conf := quick(network, "old")
		conf.SecretKey = first
		if n, err := start(t, conf).Join([]string{all[0].LocalNode().Address()}); n != 0 || err == nil {
			t.Errorf("with the old key joined %d: %v", n, err)
		}
	})
}

// TestLabels keeps clusters apart, unless the label is taken off on the way.
func TestLabels(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		labelled := func(name, label string) *member {
			conf := quick(network, name)
			conf.Label = label
			return start(t, conf)
		}
		a, b, c := labelled("a", "one"), labelled("b", "one"), labelled("c", "two")
		b.join(t, a)
		if n, err := c.Join([]string{a.LocalNode().Address()}); n != 0 || err == nil {
			t.Errorf("across labels joined %d: %v", n, err)
		}
		eventually(t, "a logs the wrong label", func() bool { // such lines are paced
			if err := c.SendToAddress(Address{Addr: a.LocalNode().Address()}, []byte("hello")); err != nil {
				t.Error(err)
			}
			return strings.Contains(a.log.String(), "[ERR] memberlist: discarding packet with unacceptable label")
		})
		synctest.Wait()
		if len(a.rec.all("msg")) > 0 {
			t.Errorf("across labels came %q", a.rec.all("msg"))
		}
	})
}

// TestSkipInboundLabelCheck: nodes that do not look at labels form one cluster.
func TestSkipInboundLabelCheck(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		var all []*member
		for i, label := range []string{"", "one", "two"} {
			conf := quick(network, fmt.Sprint(i))
			conf.Label, conf.SkipInboundLabelCheck = label, true
			all = append(all, start(t, conf))
			if i > 0 {
				all[i].join(t, all[i-1])
			}
		}
		time.Sleep(10 * time.Second)
		for _, m := range all {
			if m.NumMembers() != 3 || len(m.rec.all("leave")) > 0 {
				t.Errorf("%s has %v", m.conf.Name, m.Members())
			}
		}
	})
}

// TestNames: under RequireNodeNames nothing goes to an address alone.
func TestNames(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		conf.RequireNodeNames = true
		a, b := start(t, conf), start(t, quick(network, "b"))
		addr := b.LocalNode().Address()
		if n, err := a.Join([]string{addr}); n != 0 || err == nil || !strings.Contains(err.Error(), "node names are required") {
			t.Errorf("without a name joined %d: %v", n, err)
		}
		if err := a.SendToAddress(Address{Addr: addr}, nil); err == nil {
			t.Error("sent without a name")
		}
		if n, err := a.Join([]string{"b/" + addr}); n != 1 || err != nil {
			t.Errorf("with a name joined %d: %v", n, err)
		}
		if err := a.SendBestEffort(b.LocalNode(), []byte("hello")); err != nil {
			t.Error(err)
		}
		eventually(t, "the message came", func() bool { return b.rec.has("msg hello") })
		time.Sleep(5 * time.Second)
		if a.NumMembers() != 2 || b.NumMembers() != 2 {
			t.Errorf("a has %v, b has %v", a.Members(), b.Members())
		}
	})
}

// TestNetworks: CIDRsAllowed keeps others out.
func TestNetworks(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		var err error
		if conf.CIDRsAllowed, err = ParseCIDRs([]string{"10.0.0.0/8"}); err != nil {
			t.Fatal(err)
		}
		a, b := start(t, conf), start(t, quick(network, "b"))
		if _, err := b.Join([]string{a.LocalNode().Address()}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if a.NumMembers() != 1 {
			t.Errorf("a has %v", a.Members())
		}
	})
}

// TestMetrics: the names that dashboards know are emitted, with the labels.
func TestMetrics(t *testing.T) {
	sink := metrics.NewInmemSink(time.Hour, time.Hour)
	conf := metrics.DefaultConfig("")
	conf.EnableHostname, conf.EnableRuntimeMetrics = false, false
	if _, err := metrics.NewGlobal(conf, sink); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := metrics.NewGlobal(conf, &metrics.BlackholeSink{}); err != nil {
			t.Error(err)
		}
	}()
	a, b := quick(nil, "a"), quick(nil, "b")
	for _, c := range []*Config{a, b} {
		c.MetricLabels = []metrics.Label{{Name: "cluster", Value: "test"}}
		c.QueueCheckInterval = time.Second
	}
	ma, mb := start(t, a), start(t, b)
	mb.join(t, ma)
	want := []string{
		"memberlist.udp.sent", "memberlist.udp.received", "memberlist.tcp.sent", "memberlist.tcp.connect", "memberlist.tcp.accept",
		"memberlist.msg.alive", "memberlist.health.score", "memberlist.queue.broadcasts", "memberlist.node.instances",
	}
	eventually(t, "all metrics are there", func() bool {
		found := make(map[string]bool)
		for _, interval := range sink.Data() {
			interval.RLock()
			for k := range interval.Counters {
				found[k] = true
			}
			for k := range interval.Gauges {
				found[k] = true
			}
			for k := range interval.Samples {
				found[k] = true
			}
			interval.RUnlock()
		}
		for _, w := range want {
			ok := false
			for k := range found {
				ok = ok || strings.HasPrefix(k, w+";cluster=test")
			}
			if !ok {
				return false
			}
		}
		return true
	})
}

// TestCreateLeavesNothing: after an error the port is free again.
func TestCreateLeavesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	bad := quick(nil, "bad")
	bad.BindPort, bad.AdvertiseAddr = port, "nonsense"
	bad.LogOutput = io.Discard
	if _, err := Create(bad); err == nil {
		t.Fatal("created with a nonsense address")
	}
	good := quick(nil, "good")
	good.BindPort = port
	good.LogOutput = io.Discard
	m, err := Create(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Shutdown(); err != nil {
		t.Error(err)
	}
}
