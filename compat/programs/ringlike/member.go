package main

import (
	"fmt"
	"io"
	"os"
	"sort"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/programs/internal/console"
)

type options struct {
	name string
	sync time.Duration
}

// member is one member of the cluster.
type member struct {
	opt   options
	out   *console.Console
	list  *memberlist.Memberlist
	queue *memberlist.TransmitLimitedQueue
	ring  ring
	ready chan struct{} // closed once list is set
}

func start(opt options, out *console.Console) (*member, error) {
	m := &member{opt: opt, out: out, ready: make(chan struct{})}
	t, err := listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Transport = opt.name, t
	conf.BindAddr, conf.AdvertiseAddr, conf.AdvertisePort = "127.0.0.1", "127.0.0.1", t.port()
	conf.ProbeInterval, conf.ProbeTimeout = 400*time.Millisecond, 200*time.Millisecond
	conf.SuspicionMult, conf.GossipInterval = 3, 50*time.Millisecond
	conf.PushPullInterval, conf.TCPTimeout = opt.sync, 2*time.Second
	conf.UDPBufferSize = 10 << 20 // TCP has no datagrams to fit into
	conf.EnableCompression = false
	conf.Delegate, conf.Events = m, m
	conf.LogOutput = io.Discard
	if os.Getenv("PROGRAM_LOG") != "" {
		conf.LogOutput = os.Stderr
	}
	m.queue = &memberlist.TransmitLimitedQueue{RetransmitMult: conf.RetransmitMult, NumNodes: func() int {
		<-m.ready
		return m.list.NumMembers()
	}}
	if m.list, err = memberlist.Create(conf); err != nil {
		return nil, err
	}
	close(m.ready)
	return m, nil
}

func (m *member) stop() {
	if err := m.list.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, "ringlike: shutdown:", err)
	}
}

// change is an entry in the queue; a newer one of the same key replaces it.
type change struct {
	key string
	msg []byte
}

func (c *change) Invalidates(b memberlist.Broadcast) bool {
	other, ok := b.(*change)
	return ok && other.key == c.key
}

func (c *change) Message() []byte { return c.msg }
func (c *change) Finished()       {}
func (c *change) Name() string    { return c.key }

func (m *member) put(key string, value []byte) {
	m.announce(key, m.ring.put(key, value))
}

func (m *member) announce(key string, e entry) {
	m.queue.QueueBroadcast(&change{key, encode(map[string]entry{key: e})})
}

// NodeMeta is empty: what a member says of itself is in the ring.
func (m *member) NodeMeta(int) []byte { return nil }

// NotifyMsg takes a change and passes on what is new of it.
func (m *member) NotifyMsg(b []byte) {
	for key, e := range m.ring.merge(b) {
		m.announce(key, e)
	}
}

// GetBroadcasts hands over what waits.
func (m *member) GetBroadcasts(overhead, limit int) [][]byte {
	return m.queue.GetBroadcasts(overhead, limit)
}

// LocalState is the whole ring.
func (m *member) LocalState(bool) []byte { return m.ring.encode() }

// MergeRemoteState takes another's.
func (m *member) MergeRemoteState(b []byte, _ bool) { m.ring.merge(b) }

// NotifyJoin is told of a member that came.
func (m *member) NotifyJoin(n *memberlist.Node) {
	m.out.Print(console.Line{Event: "join", Node: n.Name})
}

// NotifyLeave is told of a member that went.
func (m *member) NotifyLeave(n *memberlist.Node) {
	m.out.Print(console.Line{Event: "leave", Node: n.Name})
}

// NotifyUpdate is never called here.
func (m *member) NotifyUpdate(n *memberlist.Node) {
	m.out.Print(console.Line{Event: "update", Node: n.Name})
}

func (m *member) rows() []console.Row {
	var rows []console.Row
	for _, n := range m.list.Members() {
		rows = append(rows, console.Row{Name: n.Name, State: "alive"})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Name < rows[j].Name })
	return rows
}
