// Command facts prints what memberlist's functions return for given arguments:
// presets, refused configurations, keys, labels, networks, addresses, and what a
// queue of broadcasts hands out in a long random use. Built with one memberlist
// or another, it should print the same.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/hashicorp/memberlist"
)

func main() {
	seed := flag.Uint64("seed", 1, "of the random use of a queue")
	flag.Parse()
	presets()
	constants()
	refused()
	keyrings()
	labels()
	networks()
	addresses()
	queue(*seed)
	if err := mutated(); err != nil {
		fmt.Fprintln(os.Stderr, "facts:", err)
		os.Exit(1)
	}
}

func presets() {
	for i, c := range []*memberlist.Config{
		memberlist.DefaultLANConfig(), memberlist.DefaultWANConfig(), memberlist.DefaultLocalConfig(),
	} {
		fmt.Println("preset", i, c.Name, c.BindAddr, c.BindPort, c.AdvertiseAddr, c.AdvertisePort, c.ProtocolVersion,
			c.TCPTimeout, c.IndirectChecks, c.RetransmitMult, c.SuspicionMult, c.SuspicionMaxTimeoutMult, c.PushPullInterval,
			c.ProbeInterval, c.ProbeTimeout, c.DisableTcpPings, c.AwarenessMaxMultiplier, c.GossipInterval, c.GossipNodes,
			c.GossipToTheDeadTime, c.GossipVerifyIncoming, c.GossipVerifyOutgoing, c.EnableCompression, c.DNSConfigPath,
			c.HandoffQueueDepth, c.UDPBufferSize, c.DeadNodeReclaimTime, c.QueueCheckInterval, c.BuildVsnArray(), c.EncryptionEnabled())
	}
}

func constants() {
	fmt.Println("constants", memberlist.ProtocolVersionMin, memberlist.ProtocolVersion2Compatible, memberlist.ProtocolVersionMax,
		memberlist.MetaMaxSize, memberlist.LabelMaxSize, memberlist.NodeJoin, memberlist.NodeLeave, memberlist.NodeUpdate,
		memberlist.StateAlive, memberlist.StateSuspect, memberlist.StateDead, memberlist.StateLeft)
}

func local() *memberlist.Config {
	c := memberlist.DefaultLocalConfig()
	c.Name, c.BindAddr, c.BindPort = "facts", "127.0.0.1", 0
	c.LogOutput = io.Discard
	return c
}

// refused prints why configurations are.
func refused() {
	for _, change := range []func(*memberlist.Config){
		func(c *memberlist.Config) { c.ProtocolVersion = 0 },
		func(c *memberlist.Config) { c.ProtocolVersion = 6 },
		func(c *memberlist.Config) { c.SecretKey = make([]byte, 5) },
		func(c *memberlist.Config) { c.Label = strings.Repeat("l", 256) },
		func(c *memberlist.Config) { c.AdvertiseAddr = "not-an-ip" },
	} {
		c := local()
		change(c)
		_, err := memberlist.Create(c)
		fmt.Println("refused:", err)
	}
	fmt.Println("key:", memberlist.ValidateKey(make([]byte, 15)), memberlist.ValidateKey(make([]byte, 24)))
}

// mutated prints what Create does to its configuration, and Shutdown to nothing.
func mutated() error {
	c := local()
	c.SecretKey = make([]byte, 16)
	m, err := memberlist.Create(c)
	if err != nil {
		return err
	}
	n := m.LocalNode()
	fmt.Println("mutated", c.BindPort != 0, c.BindPort == c.AdvertisePort, len(c.Keyring.GetKeys()), c.EncryptionEnabled())
	fmt.Println("local", n.Name, n.Addr, int(n.Port) == c.BindPort, len(n.Meta), n.State, n.PMin, n.PMax, n.PCur, n.DMin, n.DMax, n.DCur)
	fmt.Println("alone", len(m.Members()), m.NumMembers(), m.ProtocolVersion(), m.GetHealthScore())
	count, err := m.Join(nil)
	fmt.Println("join nobody", count, err)
	count, err = m.Join([]string{n.Address()})
	fmt.Println("join self", count, err)
	count, err = m.Join([]string{"/127.0.0.1:7946", "127.0.0.1:port"})
	fmt.Println("join nonsense", count, err)
	count, err = m.Join([]string{"127.0.0.1:1", "name/127.0.0.1:1"})
	fmt.Println("join closed ports", count, err)
	fmt.Println("send nonsense", m.SendToAddress(memberlist.Address{Addr: "nonsense"}, nil))
	_, err = m.Ping("nobody", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	var silent memberlist.NoPingResponseError
	fmt.Println("ping", errors.As(err, &silent), err)
	fmt.Println("down", m.Shutdown(), m.Shutdown(), len(m.Members()))
	return nil
}

func keyrings() {
	key := func(b byte, n int) []byte { return []byte(strings.Repeat(string(rune(b)), n)) }
	_, err := memberlist.NewKeyring([][]byte{key('a', 16)}, nil)
	fmt.Println("keyring:", err)
	_, err = memberlist.NewKeyring(nil, key('a', 7))
	fmt.Println("keyring:", err)
	k, err := memberlist.NewKeyring([][]byte{key('b', 16), key('c', 24), key('a', 16)}, key('a', 16))
	fmt.Printf("keyring: %v %q %q\n", err, k.GetKeys(), k.GetPrimaryKey())
	fmt.Println(k.AddKey(key('d', 32)), k.AddKey(key('d', 32)), k.AddKey(key('e', 31)), k.UseKey(key('x', 16)), k.RemoveKey(key('a', 16)))
	fmt.Println(k.UseKey(key('d', 32)), k.RemoveKey(key('a', 16)), k.RemoveKey(key('x', 16)))
	fmt.Printf("%q %q\n", k.GetKeys(), k.GetPrimaryKey())
	k, err = memberlist.NewKeyring(nil, nil)
	fmt.Println("empty:", err, len(k.GetKeys()), len(k.GetPrimaryKey()), k.AddKey(key('a', 16)), len(k.GetKeys()))
}

func labels() {
	for _, label := range []string{"", "x", strings.Repeat("l", 255), strings.Repeat("l", 256)} {
		b, err := memberlist.AddLabelHeaderToPacket([]byte("body"), label)
		fmt.Printf("label %d: %q %v\n", len(label), b, err)
	}
	for _, packet := range []string{"", "\xf4", "\xf4\x00", "\xf4\x00abc", "\xf4\x03ab", "\xf4\x01abc", "\xf4\x01a", "abc"} {
		b, label, err := memberlist.RemoveLabelHeaderFromPacket([]byte(packet))
		fmt.Printf("packet %q: %q %q %v\n", packet, b, label, err)
		near, far := net.Pipe()
		go func() {
			_, _ = far.Write([]byte(packet)) // the reader may have seen enough
			_ = far.Close()
		}()
		conn, label, err := memberlist.RemoveLabelHeaderFromStream(near)
		rest := []byte{}
		if err == nil {
			rest, _ = io.ReadAll(conn)
		}
		fmt.Printf("stream %q: %q %q %v\n", packet, rest, label, err)
		_ = near.Close()
	}
}

func networks() {
	for _, list := range [][]string{nil, {}, {"10.0.0.0/8", " ::1/128"}, {"10.0.0.0/8", "nonsense"}, {"1.2.3.4"}} {
		nets, err := memberlist.ParseCIDRs(list)
		c := &memberlist.Config{CIDRsAllowed: nets}
		fmt.Println("networks", nets, nets == nil, err, c.IPMustBeChecked(),
			c.IPAllowed(net.IPv4(10, 1, 2, 3)), c.IPAllowed(net.IPv4(1, 2, 3, 4)), c.IPAllowed(net.IPv6loopback))
	}
}

func addresses() {
	at := &net.TCPAddr{IP: net.IPv4(1, 2, 3, 4), Port: 5}
	fmt.Println(memberlist.LogAddress(nil), memberlist.LogAddress(at), memberlist.LogConn(nil),
		memberlist.LogStringAddress(""), memberlist.LogStringAddress("x"))
	fmt.Println(&memberlist.Address{Addr: "a:1", Name: "n"}, &memberlist.Address{Addr: "a:1"})
	n := &memberlist.Node{Name: "n", Addr: net.IPv6loopback, Port: 5}
	full := n.FullAddress()
	fmt.Println(n, n.Address(), full.String())
	var network memberlist.MockNetwork
	for range 2 {
		t := network.NewTransport("t")
		fmt.Println(t.FinalAdvertiseAddr("9.9.9.9", 99))
		_, err := t.WriteTo(nil, "nowhere:1")
		fmt.Println("no route:", err != nil)
	}
}
