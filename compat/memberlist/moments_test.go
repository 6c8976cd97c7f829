package memberlist

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// bubble runs a test on virtual time with a network of its own.
func bubble(t *testing.T, test func(t *testing.T, network *MockNetwork)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, new(MockNetwork)) })
}

// TestMoments: when Create, Join, UpdateNode and Leave return the application
// has been told, and in memberlist's order.
func TestMoments(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		a, b := start(t, quick(network, "a")), start(t, quick(network, "b"))
		check := func(m *member, want ...string) {
			t.Helper()
			if got := m.rec.all("alive", "join", "update", "leave", "merge", "peers"); !reflect.DeepEqual(got, want) {
				t.Errorf("%s:\n got %q\nwant %q", m.conf.Name, got, want)
			}
			m.rec.lines = nil
		}
		check(a, "alive a", "join a")
		check(b, "alive b", "join b")
		b.join(t, a)
		check(b, "peers a", "alive a", "join a", "merge state of a true")
		synctest.Wait()
		check(a, "peers b", "alive b", "join b", "merge state of b true")
		if names(b.Members()) != "a b" || b.NumMembers() != 2 {
			t.Errorf("b has %v", b.Members())
		}
		a.rec.meta = []byte("new")
		if err := a.UpdateNode(time.Second); err != nil {
			t.Error(err)
		}
		check(a, "alive a", "update a new")
		eventually(t, "b has the update", func() bool { return b.rec.has("update b new") || b.rec.has("update a new") })
		b.rec.lines = nil
		if err := a.Leave(time.Second); err != nil {
			t.Error(err)
		}
		check(a, "leave a 3")
		eventually(t, "b knows that a left", func() bool { return b.rec.has("leave a 3") })
		if names(b.Members()) != "b" || names(a.Members()) != "b" || a.LocalNode().State != StateLeft {
			t.Errorf("after the leave a has %v, b has %v", a.Members(), b.Members())
		}
		if err := a.Leave(0); err != nil {
			t.Error(err)
		}
	})
}

// TestDelegatesCallBack: every delegate may call every method, where memberlist
// would wait for itself for ever.
func TestDelegatesCallBack(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		a, b, c := start(t, quick(network, "a")), start(t, quick(network, "b")), start(t, quick(network, "c"))
		every := func(string) {
			a.Members()
			a.NumMembers()
			a.LocalNode()
			a.GetHealthScore()
			for _, n := range a.Members() {
				if err := a.SendBestEffort(n, []byte("packet")); err != nil {
					t.Error(err)
				}
			}
		}
		// What changes something is called by what tells of something.
		heavy := func(detail string) {
			every(detail)
			began := time.Now()
			if _, err := a.Join([]string{c.LocalNode().Address()}); err != nil {
				t.Errorf("join: %v", err)
			}
			if took := time.Since(began); took > 0 { // of virtual time: it waited for itself
				t.Errorf("join took %v", took)
			}
			if err := a.SendReliable(c.LocalNode(), []byte("stream")); err != nil {
				t.Errorf("send: %v", err)
			}
			if err := a.UpdateNode(0); err != nil {
				t.Errorf("update: %v", err)
			}
			if _, err := a.Ping("c", addrOf(c)); err != nil {
				t.Errorf("ping: %v", err)
			}
		}
		a.rec.mu.Lock()
		a.rec.on = map[string]func(string){
			"join": heavy, "msg": heavy, "merge": heavy, "ping": heavy, "leave": heavy,
			"alive": every, "peers": every,
		}
		a.rec.mu.Unlock()
		b.join(t, a)
		if err := b.SendReliable(a.LocalNode(), []byte("hello")); err != nil {
			t.Error(err)
		}
		eventually(t, "a answered probes and took its message", func() bool {
			return a.rec.has("msg hello") && len(a.rec.all("ping")) > 0 && c.rec.has("msg stream")
		})
		if err := b.Leave(time.Second); err != nil {
			t.Error(err)
		}
		eventually(t, "a told of the leave", func() bool { return a.rec.has("leave b 3") })
		a.rec.mu.Lock()
		a.rec.on = map[string]func(string){"msg": func(string) {
			if err := a.Leave(time.Second); err != nil {
				t.Errorf("leave: %v", err)
			}
			if err := a.Shutdown(); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		}}
		a.rec.mu.Unlock()
		if err := c.SendReliable(a.LocalNode(), []byte("go")); err != nil {
			t.Error(err)
		}
		eventually(t, "c told of the leave", func() bool { return c.rec.has("leave a 3") })
	})
}

func addrOf(m *member) *MockAddress { return &MockAddress{addr: m.LocalNode().Address()} }

// TestFullChannel: events that nobody takes hold up neither the node nor its
// Shutdown (with memberlist the others would find it dead).
func TestFullChannel(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		events := make(chan NodeEvent, 1)
		conf := quick(network, "full")
		conf.TCPTimeout = 200 * time.Millisecond
		conf.Events = &ChannelEventDelegate{Ch: events}
		full := create(t, &member{rec: &recorder{}, log: new(syncBuffer)}, conf)
		var others []*member
		for i := range 5 {
			m := start(t, quick(network, fmt.Sprint("other", i)))
			m.join(t, full)
			others = append(others, m)
		}
		time.Sleep(30 * time.Second) // of virtual time: many probes
		for _, m := range append(others, full) {
			if m.NumMembers() != 6 {
				t.Errorf("%s has %v", m.conf.Name, m.Members())
			}
		}
		seen := make(map[string]bool)
		for range 6 {
			e := <-events
			seen[e.Node.Name] = e.Event == NodeJoin
		}
		if len(seen) != 6 {
			t.Errorf("the channel had %v", seen)
		}
		late := start(t, quick(network, "late"))
		late.join(t, full)
		synctest.Wait() // the channel is full again
		if err := full.Shutdown(); err != nil {
			t.Error(err)
		}
		<-events
	})
}

// TestVetoes: NotifyAlive and NotifyMerge keep nodes out.
func TestVetoes(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		a := &member{rec: &recorder{}, log: new(syncBuffer)}
		conf.Alive, conf.LogOutput = vetoAlive("b"), a.log
		create(t, a, conf)
		b := start(t, quick(network, "b"))
		c := start(t, quick(network, "c"))
		b.join(t, a)
		c.join(t, a, b)
		synctest.Wait()
		if names(a.Members()) != "a c" || names(b.Members()) != "a b c" {
			t.Errorf("a has %v, b has %v", a.Members(), b.Members())
		}
		if !strings.Contains(a.log.String(), "[WARN] memberlist: ignoring alive message for 'b': not b") {
			t.Errorf("a logged\n%s", a.log)
		}
		conf = quick(network, "d")
		d := &member{rec: &recorder{}, log: new(syncBuffer)}
		conf.Merge, conf.LogOutput = vetoMerge{}, d.log
		create(t, d, conf)
		n, err := d.Join([]string{a.LocalNode().Address()})
		if n != 0 || err == nil || !strings.Contains(err.Error(), "no merge") {
			t.Errorf("joined %d: %v", n, err)
		}
		if d.NumMembers() != 1 {
			t.Errorf("d has %v", d.Members())
		}
	})
}

type vetoAlive string

func (v vetoAlive) NotifyAlive(n *Node) error {
	if n.Name == string(v) {
		return fmt.Errorf("not %s", n.Name)
	}
	return nil
}

type vetoMerge struct{}

func (vetoMerge) NotifyMerge([]*Node) error { return fmt.Errorf("no merge") }

// TestOwnVeto: a node that its own NotifyAlive refuses is no member to itself,
// until it agrees.
func TestOwnVeto(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		veto := vetoAlive("a")
		m := &member{rec: &recorder{}, log: new(syncBuffer)}
		conf.Alive, conf.Events, conf.LogOutput = &veto, m.rec, m.log
		create(t, m, conf)
		if m.NumMembers() != 0 || len(m.rec.all("join")) != 0 || m.LocalNode().Name != "a" {
			t.Errorf("a has %v, was told %q", m.Members(), m.rec.all("join"))
		}
		if err := m.UpdateNode(time.Second); err == nil {
			t.Error("updated what it refuses")
		}
		veto = ""
		if err := m.UpdateNode(time.Second); err != nil {
			t.Error(err)
		}
		if m.NumMembers() != 1 || !m.rec.has("join a") {
			t.Errorf("a has %v, was told %q", m.Members(), m.rec.all("join"))
		}
	})
}
