package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/programs/internal/console"
)

type options struct {
	name, tags, key, label string
	reap, reconnect        time.Duration
}

// member is one member of the cluster.
type member struct {
	opt    options
	out    *console.Console
	list   *memberlist.Memberlist
	ring   *memberlist.Keyring
	queue  *memberlist.TransmitLimitedQueue
	clock  clock
	events *eventLog
	pings  atomic.Int64  // answered with the payload that they should have
	ready  chan struct{} // closed once list is set
	done   chan struct{}
	work   sync.WaitGroup

	mu      sync.Mutex
	tags    string
	failed  map[string]lost // by name
	known   map[string]bool // present members
	left    map[string]bool
	replies map[uint64]*asked
}

// lost is a member that failed.
type lost struct {
	addr  string
	since time.Time
}

func start(opt options, out *console.Console) (*member, error) {
	m := &member{
		opt: opt, out: out, tags: opt.tags, events: newEventLog(), ready: make(chan struct{}), done: make(chan struct{}),
		failed: make(map[string]lost), known: make(map[string]bool), left: make(map[string]bool), replies: make(map[uint64]*asked),
	}
	conf, err := m.config()
	if err != nil {
		return nil, err
	}
	m.ring = conf.Keyring
	m.queue = &memberlist.TransmitLimitedQueue{
		RetransmitMult: conf.RetransmitMult,
		NumNodes: func() int {
			<-m.ready
			return m.list.NumMembers()
		},
	}
	if m.list, err = memberlist.Create(conf); err != nil {
		return nil, err
	}
	close(m.ready)
	m.work.Go(m.tend)
	return m, nil
}

// config is that of a local network, paced up for a test.
func (m *member) config() (*memberlist.Config, error) {
	conf := memberlist.DefaultLANConfig()
	conf.Name, conf.Label = m.opt.name, m.opt.label
	conf.BindAddr, conf.BindPort = "127.0.0.1", 0
	conf.ProbeInterval, conf.ProbeTimeout = 200*time.Millisecond, 100*time.Millisecond
	conf.SuspicionMult, conf.GossipInterval = 3, 20*time.Millisecond
	conf.PushPullInterval, conf.TCPTimeout = 2*time.Second, 2*time.Second
	conf.GossipToTheDeadTime = time.Minute
	conf.DeadNodeReclaimTime = time.Second
	conf.Delegate, conf.Events, conf.Merge, conf.Ping = m, m, m, m
	conf.DelegateProtocolMin, conf.DelegateProtocolMax, conf.DelegateProtocolVersion = 2, 5, 4
	conf.LogOutput = io.Discard
	if os.Getenv("PROGRAM_LOG") != "" {
		conf.LogOutput = os.Stderr
	}
	if m.opt.key != "" {
		key, err := hex.DecodeString(m.opt.key)
		if err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
		if conf.Keyring, err = memberlist.NewKeyring(nil, key); err != nil {
			return nil, fmt.Errorf("key: %w", err)
		}
	}
	return conf, nil
}

func (m *member) stop() {
	close(m.done)
	m.work.Wait()
	if err := m.list.Shutdown(); err != nil {
		fmt.Fprintln(os.Stderr, "serflike: shutdown:", err)
	}
}

// leave tells the others first by an intent of its own, which must get around,
// then by memberlist.
func (m *member) leave() error {
	gone := make(chan struct{})
	m.queue.QueueBroadcast(&broadcast{msg: encode(message{kind: kindLeave, time: m.clock.tick(), name: m.opt.name}), done: gone})
	if m.list.NumMembers() > 1 {
		select {
		case <-gone:
		case <-time.After(5 * time.Second):
			return fmt.Errorf("the intent to leave did not get around")
		}
	}
	return m.list.Leave(5 * time.Second)
}

func (m *member) setTags(tags string) error {
	m.mu.Lock()
	m.tags = tags
	m.mu.Unlock()
	return m.list.UpdateNode(5 * time.Second)
}

func (m *member) userEvent(name, payload string) error {
	msg := message{kind: kindEvent, time: m.clock.tick(), name: name, payload: []byte(payload)}
	if m.events.add(msg) {
		m.queue.QueueBroadcast(&broadcast{msg: encode(msg)})
	}
	return nil
}

func (m *member) keys() []string {
	var keys []string
	if m.ring != nil {
		for _, k := range m.ring.GetKeys() {
			keys = append(keys, hex.EncodeToString(k))
		}
	}
	return keys
}

// rows lists the members with their tags, and those that failed or left.
func (m *member) rows() []console.Row {
	var rows []console.Row
	for _, n := range m.list.Members() {
		rows = append(rows, console.Row{Name: n.Name, State: "alive", Text: string(n.Meta)})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for name := range m.failed {
		rows = append(rows, console.Row{Name: name, State: "failed"})
	}
	for name := range m.left {
		rows = append(rows, console.Row{Name: name, State: "left"})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Name < rows[j].Name })
	return rows
}

// tend tries failed members again and forgets them after a time.
func (m *member) tend() {
	tick := time.NewTicker(m.opt.reconnect)
	defer tick.Stop()
	for {
		select {
		case <-m.done:
			return
		case now := <-tick.C:
			m.reap(now)
			m.reconnect()
		}
	}
}

func (m *member) reap(now time.Time) {
	m.mu.Lock()
	var reaped []string
	for name, l := range m.failed {
		if now.Sub(l.since) > m.opt.reap {
			delete(m.failed, name)
			reaped = append(reaped, name)
		}
	}
	m.mu.Unlock()
	for _, name := range reaped {
		m.out.Print(console.Line{Event: "reap", Node: name})
	}
}

func (m *member) reconnect() {
	m.mu.Lock()
	var addrs []string
	for name, l := range m.failed {
		addrs = append(addrs, name+"/"+l.addr)
	}
	m.mu.Unlock()
	for _, addr := range addrs {
		if n, _ := m.list.Join([]string{addr}); n > 0 {
			m.out.Print(console.Line{Event: "reconnect", Node: strings.Split(addr, "/")[0]})
		}
	}
}
