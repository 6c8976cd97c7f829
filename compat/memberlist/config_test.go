package memberlist

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// TestConfigBounds: what memberlist makes the best of is accepted here, too.
func TestConfigBounds(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"probe time-out beyond its interval": func(c *Config) { c.ProbeTimeout = 2 * c.ProbeInterval },
		"no probes":                          func(c *Config) { c.ProbeInterval = 0 },
		"no gossip":                          func(c *Config) { c.GossipInterval, c.GossipNodes = 0, 0 },
		"no push/pull":                       func(c *Config) { c.PushPullInterval = 0 },
		"zero multipliers": func(c *Config) {
			c.RetransmitMult, c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.AwarenessMaxMultiplier = 0, 0, 0, 0
		},
		"no time-out":      func(c *Config) { c.TCPTimeout = 0 },
		"tiny packets":     func(c *Config) { c.UDPBufferSize = 100 },
		"huge packets":     func(c *Config) { c.UDPBufferSize = 10 << 20 },
		"no queue":         func(c *Config) { c.HandoffQueueDepth = 0 },
		"protocol 1":       func(c *Config) { c.ProtocolVersion, c.SecretKey = 1, make([]byte, 16) },
		"label and key":    func(c *Config) { c.Label, c.SecretKey = strings.Repeat("l", 255), make([]byte, 32) },
		"an empty keyring": func(c *Config) { c.Keyring = new(Keyring) },
		"nothing set": func(c *Config) {
			*c = Config{Name: c.Name, ProtocolVersion: 2, BindAddr: c.BindAddr, LogOutput: io.Discard}
		},
		"huge packets over a transport": func(c *Config) {
			c.Transport, c.UDPBufferSize = new(MockNetwork).NewTransport("x"), 10<<20
		},
	} {
		c := quick(nil, "x")
		c.LogOutput = io.Discard
		change(c)
		m, err := Create(c)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if err := m.Shutdown(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestConfigRefused: and what it refuses is not.
func TestConfigRefused(t *testing.T) {
	for what, change := range map[string]func(*Config){
		"two loggers":         func(c *Config) { c.Logger = start(t, quick(nil, "y")).Memberlist.log },
		"unknown compression": func(c *Config) { c.CompressionAlgorithm = "zip" },
		"port taken":          func(c *Config) { c.BindPort = 1 << 17 },
	} {
		c := quick(nil, "x")
		c.LogOutput = io.Discard
		change(c)
		if _, err := Create(c); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

// TestMetaTooLong panics, as it always has: the application would go on with
// others not knowing what it says of itself.
func TestMetaTooLong(t *testing.T) {
	c := quick(nil, "x")
	c.Delegate, c.LogOutput = &recorder{meta: make([]byte, MetaMaxSize+1)}, io.Discard
	defer func() {
		if got := fmt.Sprint(recover()); got != "Node meta data provided is longer than the limit" {
			t.Errorf("panicked with %s", got)
		}
	}()
	m, err := Create(c)
	t.Errorf("created %v: %v", m, err)
}

// TestAfterShutdown: every method still returns.
func TestAfterShutdown(t *testing.T) {
	c := quick(nil, "x")
	c.LogOutput = io.Discard
	m, err := Create(c)
	if err != nil {
		t.Fatal(err)
	}
	n := m.LocalNode()
	for range 2 {
		if err := m.Shutdown(); err != nil {
			t.Fatal(err)
		}
	}
	_, pingErr := m.Ping("x", &net.UDPAddr{IP: n.Addr, Port: int(n.Port)})
	_, joinErr := m.Join([]string{"127.0.0.1:1"})
	for what, err := range map[string]error{
		"leave": m.Leave(time.Second), "update": m.UpdateNode(time.Second), "ping": pingErr, "join": joinErr,
		"best effort": m.SendBestEffort(n, nil), "reliable": m.SendReliable(n, nil), "to address": m.SendToAddress(n.FullAddress(), nil),
	} {
		if !errors.Is(err, errClosed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if m.NumMembers() != 1 || m.LocalNode().Name != "x" || m.GetHealthScore() != 0 || m.ProtocolVersion() != 2 {
		t.Errorf("it has %v", m.Members())
	}
}

// TestPrefixes translates networks, and does not turn "nothing" into "all".
func TestPrefixes(t *testing.T) {
	for _, c := range []struct {
		nets []net.IPNet
		want []netip.Prefix
	}{
		{nil, nil},
		{[]net.IPNet{}, nil},
		{[]net.IPNet{{}}, []netip.Prefix{}},
		{[]net.IPNet{{IP: net.IPv4(10, 0, 0, 0), Mask: net.CIDRMask(8, 32)}}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		{[]net.IPNet{{IP: net.IPv4(10, 0, 0, 0), Mask: net.CIDRMask(104, 128)}}, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		{[]net.IPNet{{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)}}, []netip.Prefix{netip.MustParsePrefix("::1/128")}},
	} {
		conf := Config{CIDRsAllowed: c.nets}
		if got := conf.prefixes(); fmt.Sprint(got) != fmt.Sprint(c.want) || (got == nil) != (c.want == nil) {
			t.Errorf("%v: got %v, want %v", c.nets, got, c.want)
		}
	}
}

// TestSnappy: what was compressed comes back, and what claims too much does not.
func TestSnappy(t *testing.T) {
	for _, size := range []int{0, 1, 100, 1 << 20} {
		plain := []byte(strings.Repeat("a", size))
		packed, err := snappyBlocks{}.AppendCompressed([]byte("dst"), plain)
		if err != nil {
			t.Fatal(err)
		}
		got, err := snappyBlocks{}.AppendDecompressed([]byte("dst"), packed[3:], size)
		if err != nil || string(got) != "dst"+string(plain) {
			t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
		}
		if _, err := (snappyBlocks{}).AppendDecompressed(nil, packed[3:], size-1); size > 0 && !errors.Is(err, wire.ErrTooLarge) {
			t.Errorf("beyond the limit: %v", err)
		}
	}
	bomb := []byte{0xff, 0xff, 0xff, 0x07, 0} // says 16 MB
	if _, err := (snappyBlocks{}).AppendDecompressed(nil, bomb, 1<<30); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a bomb: %v", err)
	}
}

// FuzzSnappy: no bytes make it panic, or make more than the limit.
func FuzzSnappy(f *testing.F) {
	packed, err := snappyBlocks{}.AppendCompressed(nil, []byte(strings.Repeat("abc", 100)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed, 1000)
	f.Add([]byte{0xff, 0xff, 0xff, 0x07, 0}, 1<<20)
	f.Fuzz(func(t *testing.T, b []byte, limit int) {
		limit &= 1<<20 - 1
		got, err := snappyBlocks{}.AppendDecompressed([]byte("dst"), b, limit)
		if string(got[:3]) != "dst" || len(got) > limit+3 || err != nil && len(got) != 3 {
			t.Errorf("%d bytes of at most %d: %v", len(got), limit, err)
		}
	})
}

// readConn is a connection to read from, no more.
type readConn struct {
	net.Conn
	r io.Reader
}

func (c readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// FuzzLabel: the two directions agree, for packets and streams.
func FuzzLabel(f *testing.F) {
	for _, s := range []string{"", "\xf4", "\xf4\x00", "\xf4\x03ab", "\xf4\x01abc", "abc"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		rest, label, err := RemoveLabelHeaderFromPacket(b)
		conn, streamLabel, streamErr := RemoveLabelHeaderFromStream(readConn{r: bytes.NewReader(b)})
		if (err == nil) != (streamErr == nil) || label != streamLabel {
			t.Fatalf("packet %q %v, stream %q %v", label, err, streamLabel, streamErr)
		}
		if err != nil {
			return
		}
		read, err := io.ReadAll(conn)
		if err != nil || string(read) != string(rest) {
			t.Fatalf("packet %q, stream %q: %v", rest, read, err)
		}
		again, err := AddLabelHeaderToPacket(rest, label)
		if err != nil || string(again) != string(b) {
			t.Fatalf("%q became %q: %v", b, again, err)
		}
	})
}
