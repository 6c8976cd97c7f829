package memberlist

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestBroadcasts: what TransmitLimitedQueues hold gets to everybody.
func TestBroadcasts(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		var all []*member
		queue := &TransmitLimitedQueue{RetransmitMult: 4}
		queue.NumNodes = func() int { return all[0].NumMembers() }
		for i := range 5 {
			conf := quick(network, fmt.Sprint(i))
			m := &member{rec: &recorder{}, log: new(syncBuffer)}
			conf.Delegate, conf.LogOutput = m.rec, io.Discard
			if i == 0 {
				conf.Delegate = sender{m.rec, queue}
			}
			all = append(all, create(t, m, conf))
			if i > 0 {
				m.join(t, all[0])
			}
		}
		const count = 1000
		for i := range count {
			queue.QueueBroadcast(&uniqueTest{testBroadcast{msg: fmt.Appendf(nil, "%040d", i)}})
		}
		eventually(t, "the queue is empty", func() bool { return queue.NumQueued() == 0 })
		got := make(map[string]bool)
		for _, m := range all[1:] {
			for _, l := range m.rec.all("msg") {
				got[l] = true
			}
		}
		if len(got) != count {
			t.Errorf("%d of %d messages got anywhere", len(got), count)
		}
	})
}

type sender struct {
	*recorder
	queue *TransmitLimitedQueue
}

func (s sender) GetBroadcasts(overhead, limit int) [][]byte {
	return s.queue.GetBroadcasts(overhead, limit)
}

// TestSelection: gossip and exchanges of states go where the application says.
func TestSelection(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		conf := quick(network, "a")
		conf.NodeSelection, conf.PushPullInterval, conf.PushPullNodes = only("b"), time.Second, 2
		passive := func(name string) *member {
			conf := quick(network, name)
			conf.PushPullInterval = 0 // what comes is of a's doing
			return start(t, conf)
		}
		a, b, c := start(t, conf), passive("b"), passive("c")
		b.join(t, a)
		c.join(t, a)
		synctest.Wait()
		c.rec.lines, b.rec.lines = nil, nil
		a.rec.mu.Lock()
		a.rec.queue = [][]byte{[]byte("news")}
		a.rec.mu.Unlock()
		time.Sleep(5 * time.Second)
		if len(b.rec.all("merge")) == 0 || !b.rec.has("msg news") {
			t.Errorf("b was told %q", b.rec.lines)
		}
		if c.rec.has("msg news") || c.rec.has("merge state of a false") {
			t.Errorf("c was told %q", c.rec.lines)
		}
		if a.NumMembers() != 3 {
			t.Errorf("a has %v", a.Members())
		}
	})
}

type only string

func (o only) SelectNodes(nodes []*NodeState) (selected []*NodeState, preferred *NodeState) {
	for _, n := range nodes {
		if n.Name == string(o) && !n.DeadOrLeft() && !n.StateChange.IsZero() {
			selected = append(selected, n)
		}
	}
	return selected, nil
}

// TestLargeMessages: a packet may exceed UDPBufferSize, a stream reach megabytes.
func TestLargeMessages(t *testing.T) {
	bubble(t, func(t *testing.T, network *MockNetwork) {
		for _, algorithm := range []CompressionAlgorithm{CompressionAlgorithmLZW, CompressionAlgorithmSnappy} {
			conf := quick(network, "a"+string(algorithm))
			conf.CompressionAlgorithm = algorithm
			a, b := start(t, conf), start(t, quick(network, "b"+string(algorithm)))
			a.rec.state = bytes.Repeat([]byte("large state "), 1<<18)
			a.join(t, b)
			packet, stream := strings.Repeat("packet ", 1000), strings.Repeat("stream ", 1<<18)
			if err := a.SendBestEffort(b.LocalNode(), []byte(packet)); err != nil {
				t.Error(err)
			}
			if err := a.SendReliable(b.LocalNode(), []byte(stream)); err != nil {
				t.Error(err)
			}
			eventually(t, "all came", func() bool {
				return b.rec.has("msg "+strings.TrimSpace(packet)) && b.rec.has("msg "+strings.TrimSpace(stream)) &&
					b.rec.has(fmt.Sprintf("merge %s true", a.rec.state))
			})
		}
	})
}
