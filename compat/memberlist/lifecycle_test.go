package memberlist

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestFailureInTheLog: a node dies, and the others log it as operators know it.
func TestFailureInTheLog(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		a, b := start(t, quick(network, "a")), start(t, quick(network, "b"))
		b.join(t, a)
		if err := b.Shutdown(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a found b dead", func() bool { return a.rec.has("leave b 2") })
		for _, want := range []string{
			"[DEBUG] memberlist: Stream connection from=127.0.0.1:2",
			"[DEBUG] memberlist: Failed UDP ping: b (timeout reached)",
			"[INFO] memberlist: Suspect b has failed, no acks received",
			"[INFO] memberlist: Marking b as failed, suspect timeout reached (0 peer confirmations)",
		} {
			if !strings.Contains(a.log.String(), want+"\n") {
				t.Errorf("not logged: %s\n%s", want, a.log)
			}
		}
	})
}

// TestConflict: of two nodes of one name the second is refused, and both know.
func TestConflict(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		a, b := start(t, quick(network, "a")), start(t, quick(network, "b"))
		b.join(t, a)
		other := start(t, quick(network, "a"))
		other.join(t, b)
		want := "conflict " + a.LocalNode().Address() + " " + other.LocalNode().Address()
		eventually(t, "b told of the conflict", func() bool { return b.rec.has(want) })
		if !strings.Contains(b.log.String(), "[ERR] memberlist: Conflicting address for a. Mine: ") {
			t.Errorf("b logged\n%s", b.log)
		}
	})
}

// TestAddressOfTheDead: another address takes a dead node's name after
// DeadNodeReclaimTime.
func TestAddressOfTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		conf.DeadNodeReclaimTime = time.Second
		a, b := start(t, conf), start(t, quick(network, "b"))
		b.join(t, a)
		if err := b.Shutdown(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a found b dead", func() bool { return a.rec.has("leave b 2") })
		time.Sleep(2 * time.Second)
		again := start(t, quick(network, "b"))
		again.join(t, a)
		eventually(t, "b is back", func() bool { return len(a.rec.all("join")) == 3 })
		if a.NumMembers() != 2 {
			t.Errorf("a has %v", a.Members())
		}
	})
}

// TestReplaced: a process that takes a node's place at once is an update, or
// nothing, as it is to memberlist.
func TestReplaced(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		a := start(t, quick(network, "a"))
		var transport Transport
		for i, meta := range []string{"first", "second", "second"} {
			conf := quick(network, "b")
			if transport == nil {
				transport = conf.Transport
			} else {
				conf.Transport = network.again(transport.(*MockTransport))
			}
			b := &member{rec: &recorder{meta: []byte(meta)}, log: new(syncBuffer)}
			conf.Delegate, conf.LogOutput = b.rec, b.log
			create(t, b, conf)
			b.join(t, a)
			want := fmt.Sprint([]string{"join a", "join b", "update b second"}[:min(2+i, 3)])
			told := func() string { return fmt.Sprint(a.rec.all("join", "leave", "update")) }
			eventually(t, "a was told of the new one", func() bool { return told() == want })
			time.Sleep(time.Second)
			if told() != want || a.NumMembers() != 2 {
				t.Fatalf("after process %d: %q, want %q", i, told(), want)
			}
			if err := b.Shutdown(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// again returns a transport at the address of one that was shut down.
func (n *MockNetwork) again(old *MockTransport) *MockTransport {
	t := n.NewTransport(old.addr.name)
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.byAddr, t.addr.addr)
	t.addr = old.addr
	n.byAddr[t.addr.addr] = t
	return t
}
