package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/wire"
)

// delegate gives a node metadata, a user state and a broadcast from time to
// time, so that these fields are seen filled.
type delegate struct {
	meta  []byte
	state []byte
}

func (d *delegate) NodeMeta(int) []byte           { return d.meta }
func (d *delegate) NotifyMsg([]byte)              {}
func (d *delegate) LocalState(bool) []byte        { return d.state }
func (d *delegate) MergeRemoteState([]byte, bool) {}
func (d *delegate) GetBroadcasts(overhead, limit int) [][]byte {
	return [][]byte{append([]byte{byte(wire.TypeUser)}, "gossip"...)}
}

func start(n *network, s setting, name, ip string, d *delegate) (*memberlist.Memberlist, error) {
	c := memberlist.DefaultLANConfig()
	c.Name, c.Transport, c.LogOutput = name, n.transport(ip), io.Discard
	c.Label, c.SecretKey, c.EnableCompression, c.ProtocolVersion = s.label, s.key, s.compress, s.protocol
	c.ProbeInterval, c.ProbeTimeout, c.GossipInterval = 100*time.Millisecond, 30*time.Millisecond, 20*time.Millisecond
	c.PushPullInterval, c.SuspicionMult, c.SuspicionMaxTimeoutMult = time.Second, 2, 1
	c.TCPTimeout = time.Second
	if d != nil {
		c.Delegate = d
	}
	return memberlist.Create(c)
}

// capture plays one life of a cluster and returns a few lines of each kind.
func capture(s setting) ([]line, error) {
	n := newNetwork()
	d := &delegate{meta: []byte("first"), state: bytes.Repeat([]byte("user state "), 30)}
	a, err := start(n, s, "a", "127.0.0.1", nil)
	if err != nil {
		return nil, err
	}
	defer a.Shutdown()
	b, err := start(n, s, "b", "127.0.0.2", d)
	if err != nil {
		return nil, err
	}
	defer b.Shutdown()
	c, err := start(n, s, "a-member-whose-name-is-longer-than-31-bytes", "fd00::3", nil)
	if err != nil {
		return nil, err
	}
	defer c.Shutdown()

	steps := []func() error{
		func() error { _, err := b.Join([]string{"127.0.0.1:7946"}); return err },
		func() error { _, err := c.Join([]string{"127.0.0.1:7946"}); return err },
		func() error { return until("everybody is known", func() bool { return members(a, b, c) == 9 }) },
		func() error { _, err := a.Ping("b", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2), Port: port}); return err },
		func() error { return a.SendBestEffort(b.LocalNode(), []byte("best effort")) },
		func() error { return a.SendReliable(b.LocalNode(), bytes.Repeat([]byte("reliable "), 40)) },
		func() error { return a.SendReliable(b.LocalNode(), nil) },
		func() error { d.meta = bytes.Repeat([]byte("meta"), 20); return b.UpdateNode(time.Second) },
		func() error { return provoke(n, s) },
		// Deaf to packets, c is still found by stream, after indirect pings.
		func() error { n.cut("[fd00::3]:7946", true, false); return seen(n, s, "dial ping") },
		// Then it is gone.
		func() error { n.cut("[fd00::3]:7946", true, true); return seen(n, s, "suspect") },
		func() error { return until("c is dead", func() bool { return members(a, b) == 4 }) },
		func() error { return b.Leave(time.Second) },
		func() error { _, err := b.Join([]string{"127.0.0.1:7946"}); return err },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("step %d: %w", i, err)
		}
	}
	return selected(n, s), nil
}

func members(lists ...*memberlist.Memberlist) (n int) {
	for _, m := range lists {
		n += m.NumMembers()
	}
	return n
}

// until polls: what it waits for happens in memberlist's own time.
func until(what string, ok func() bool) error {
	for range 2000 {
		if ok() {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("never: " + what)
}

// provoke dials node a with a message it must refuse, to see its error answer.
func provoke(n *network, s setting) error {
	t := n.transport("127.0.0.9")
	conn, err := t.DialTimeout("127.0.0.1:7946", 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	bad := (&wire.Ping{Node: "a"}).Append(nil) // plain where a key is required
	if s.key == nil {
		bad = []byte{byte(wire.TypeEncrypt)} // encrypted where there is none
	}
	bad = append(s.codec().AppendLabelHeader(nil), bad...)
	if _, err := conn.Write(bad); err != nil {
		return err
	}
	n.mu.Lock() // not a golden line: we wrote it
	conn.(*recorder).mu.Lock()
	conn.(*recorder).buf = nil
	conn.(*recorder).mu.Unlock()
	n.mu.Unlock()
	_, err = s.codec().ReadStreamMessage(bufio.NewReader(conn), 0)
	return err
}
