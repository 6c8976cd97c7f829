package system

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/hashicorp/memberlist"
)

// Memberlist is the unmodified library.
type Memberlist struct{}

// Name implements System.
func (Memberlist) Name() string { return "memberlist" }

// Start implements System.
func (Memberlist) Start(o Options) (Node, error) {
	n := &memberlistNode{opts: o}
	cfg := memberlist.DefaultLANConfig()
	cfg.Name = o.Name
	cfg.BindAddr, cfg.BindPort = "127.0.0.1", 0
	cfg.EnableCompression = o.Compression
	cfg.SecretKey = o.Key
	cfg.LogOutput = &memberlistLog{observer: o.Observer}
	cfg.Events = memberlistEvents{o}
	if o.Spread || o.Observer.Message != nil {
		n.rumors = newRumors(o)
		cfg.Delegate = n.rumors
	}
	if o.Isolated != nil {
		cfg.ProbeInterval, cfg.PushPullInterval = 0, 0
		cfg.GossipInterval = time.Millisecond
		cfg.Transport = NewIsolatedMemberlist(o)
		cfg.AdvertiseAddr = "127.0.0.1"
	} else {
		t, err := memberlistTransport(o)
		if err != nil {
			return nil, err
		}
		cfg.Transport = t
		cfg.AdvertisePort = t.GetAutoBindPort()
	}
	list, err := memberlist.Create(cfg)
	if err != nil {
		return nil, fmt.Errorf("start memberlist node %s: %w", o.Name, err)
	}
	n.list = list
	if n.rumors != nil {
		n.rumors.attach(list)
	}
	return n, nil
}

type memberlistNode struct {
	opts   Options
	list   *memberlist.Memberlist
	rumors *rumors
	peer   *memberlist.Node // the last one sent to: a caller would keep it
}

func (n *memberlistNode) Addr() string {
	local := n.list.LocalNode()
	return net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
}

func (n *memberlistNode) Join(seed string) error {
	_, err := n.list.Join([]string{seed})
	return err
}

func (n *memberlistNode) Members() []string {
	var names []string
	for _, m := range n.list.Members() {
		names = append(names, m.Name)
	}
	return names
}

func (n *memberlistNode) Broadcast(payload []byte) error {
	n.rumors.start(payload)
	return nil
}

func (n *memberlistNode) Send(to string, payload []byte) error {
	peer, err := n.find(to)
	if err != nil {
		return err
	}
	return n.list.SendReliable(peer, payload)
}

func (n *memberlistNode) SendPacket(to string, payload []byte) error {
	peer, err := n.find(to)
	if err != nil {
		return err
	}
	return n.list.SendBestEffort(peer, payload)
}

// find looks a member up; memberlist sends to a *Node, which a caller holds on
// to, so the look-up is not part of what is measured. It is called once before
// senders run concurrently.
func (n *memberlistNode) find(name string) (*memberlist.Node, error) {
	if n.peer != nil && n.peer.Name == name {
		return n.peer, nil
	}
	for _, m := range n.list.Members() {
		if m.Name == name {
			n.peer = m
			return m, nil
		}
	}
	return nil, fmt.Errorf("no member %q", name)
}

func (n *memberlistNode) Kill() error { return n.list.Shutdown() }

// memberlistEvents passes joins and leaves on.
type memberlistEvents struct{ opts Options }

func (e memberlistEvents) NotifyJoin(m *memberlist.Node) {
	if f := e.opts.Observer.Joined; f != nil && m.Name != e.opts.Name {
		f(m.Name)
	}
}

func (e memberlistEvents) NotifyLeave(m *memberlist.Node) {
	if f := e.opts.Observer.Gone; f != nil && m.Name != e.opts.Name {
		f(m.Name)
	}
}

func (memberlistEvents) NotifyUpdate(*memberlist.Node) {}

// memberlistLog reads memberlist's log: a suspicion is not an event there, and
// warnings show a cluster that did not settle.
type memberlistLog struct{ observer Observer }

var (
	suspectBegin = []byte("] memberlist: Suspect ")
	suspectEnd   = []byte(" has failed")
	warnLine     = []byte("[WARN]")
	errLine      = []byte("[ERR]")
)

// Write gets one line per call from the standard logger.
func (l *memberlistLog) Write(line []byte) (int, error) {
	if f := l.observer.Suspected; f != nil {
		if _, rest, ok := bytes.Cut(line, suspectBegin); ok {
			if name, _, ok := bytes.Cut(rest, suspectEnd); ok {
				f(string(name))
			}
		}
	}
	if f := l.observer.Warned; f != nil && (bytes.Contains(line, warnLine) || bytes.Contains(line, errLine)) {
		f()
	}
	return len(line), nil
}
