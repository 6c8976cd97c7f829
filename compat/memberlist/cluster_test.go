package memberlist

import (
	"bytes"
	"fmt"
	"log"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is every delegate at once, and writes down what it is told.
type recorder struct {
	mu    sync.Mutex
	lines []string
	meta  []byte
	state []byte
	queue [][]byte // what GetBroadcasts returns next
	on    map[string]func(detail string)
}

func (r *recorder) note(what, detail string) {
	r.mu.Lock()
	r.lines = append(r.lines, strings.TrimSpace(what+" "+detail))
	do := r.on[what]
	r.mu.Unlock()
	if do != nil {
		do(detail)
	}
}

// all returns the lines that begin with any of the words.
func (r *recorder) all(words ...string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []string
	for _, l := range r.lines {
		for _, w := range words {
			if strings.HasPrefix(l+" ", w+" ") {
				found = append(found, l)
				break
			}
		}
	}
	return found
}

func (r *recorder) has(line string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.lines {
		if l == line {
			return true
		}
	}
	return false
}

func (r *recorder) NodeMeta(limit int) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.meta
}

func (r *recorder) NotifyMsg(b []byte) { r.note("msg", string(b)) }

func (r *recorder) GetBroadcasts(overhead, limit int) [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	msgs := r.queue
	r.queue = nil
	return msgs
}

func (r *recorder) LocalState(join bool) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *recorder) MergeRemoteState(b []byte, join bool) {
	r.note("merge", fmt.Sprintf("%s %v", b, join))
}

func (r *recorder) NotifyJoin(n *Node)   { r.note("join", n.Name) }
func (r *recorder) NotifyLeave(n *Node)  { r.note("leave", fmt.Sprint(n.Name, " ", int(n.State))) }
func (r *recorder) NotifyUpdate(n *Node) { r.note("update", n.Name+" "+string(n.Meta)) }

func (r *recorder) NotifyConflict(existing, other *Node) {
	r.note("conflict", existing.Address()+" "+other.Address())
}

func (r *recorder) NotifyMerge(peers []*Node) error {
	var names []string
	for _, p := range peers {
		names = append(names, p.Name)
	}
	sort.Strings(names)
	r.note("peers", strings.Join(names, " "))
	return nil
}

func (r *recorder) NotifyAlive(n *Node) error {
	r.note("alive", n.Name)
	return nil
}

func (r *recorder) AckPayload() []byte { return []byte("payload") }

func (r *recorder) NotifyPingComplete(n *Node, rtt time.Duration, payload []byte) {
	r.note("ping", n.Name+" "+string(payload))
}

// member is a node of a test with what its delegates were told.
type member struct {
	*Memberlist
	rec *recorder
	log *syncBuffer
}

// syncBuffer is a bytes.Buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// quick is a configuration for a test on the network, or on a free port of this
// machine if that is nil.
func quick(network *MockNetwork, name string) *Config {
	conf := DefaultLocalConfig()
	conf.Name, conf.BindAddr, conf.BindPort = name, "127.0.0.1", 0
	conf.GossipInterval = 20 * time.Millisecond
	conf.ProbeInterval, conf.ProbeTimeout = 200*time.Millisecond, 100*time.Millisecond
	if network != nil {
		conf.Transport = network.NewTransport(name)
	}
	return conf
}

// start creates a node that records everything, and shuts it down in the end.
func start(t *testing.T, conf *Config) *member {
	t.Helper()
	m := &member{rec: &recorder{meta: []byte("meta of " + conf.Name), state: []byte("state of " + conf.Name)}, log: new(syncBuffer)}
	conf.Logger = log.New(m.log, "", 0)
	conf.Delegate, conf.Events, conf.Conflict, conf.Merge, conf.Ping, conf.Alive = m.rec, m.rec, m.rec, m.rec, m.rec, m.rec
	return create(t, m, conf)
}

func create(t *testing.T, m *member, conf *Config) *member {
	t.Helper()
	var err error
	if m.Memberlist, err = Create(conf); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Shutdown(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("%s:\n%s\n%s", conf.Name, strings.Join(m.rec.lines, "\n"), m.log)
		}
	})
	return m
}

func (m *member) join(t *testing.T, others ...*member) {
	t.Helper()
	var addrs []string
	for _, o := range others {
		addrs = append(addrs, o.LocalNode().Address())
	}
	if n, err := m.Join(addrs); n != len(addrs) || err != nil {
		t.Fatalf("joined %d of %d: %v", n, len(addrs), err)
	}
}

// eventually polls, in virtual time inside a bubble.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("still not: %s", what)
		}
	}
}

func names(nodes []*Node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.Name)
	}
	sort.Strings(all)
	return strings.Join(all, " ")
}
