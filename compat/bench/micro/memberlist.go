package micro

import (
	"bytes"
	"io"
	"log"
	"math"
	"net"
	"testing"
	"time"

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/bench/fake"
	"github.com/musterhq/muster/compat/bench/system"
)

func memberlistBenches() []Bench {
	ping := &mlPing{SeqNo: 70000, Node: nodeName, SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: fromName}
	alive := &mlAlive{
		Incarnation: 3, Node: nodeName, Addr: []byte{10, 0, 0, 1}, Port: 7946,
		Meta: bytes.Repeat([]byte("m"), 64), Vsn: []byte{1, 5, 2, 2, 5, 4},
	}
	return []Bench{
		{Name: EncodePing, Run: mlEncodeBench(0, ping)},
		{Name: DecodePing, Run: mlDecodeBench(0, ping, func() any { return new(mlPing) })},
		{Name: EncodeAlive, Run: mlEncodeBench(4, alive)},
		{Name: DecodeAlive, Run: mlDecodeBench(4, alive, func() any { return new(mlAlive) })},
		{Name: QueueUser, Run: mlQueueUser, Batched: true},
		{Name: TakeNews, Run: mlTakeNews, Batched: true},
		{Name: AnswerPing, Run: mlAnswerPing},
		{Name: PickAll, Run: mlPick(Members)},
		{Name: PickFew, Run: mlPick(Members / 100)},
		{Name: PickNone, Run: mlPick(0)},
		{Name: MergeSame, Run: mlMergeSame},
		{Name: MergeNew, Run: mlMergeNew},
	}
}

func mlEncodeBench(msgType uint8, msg any) func(*testing.B) {
	return func(b *testing.B) {
		for b.Loop() {
			if _, err := mlEncode(msgType, msg, false); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// mlDecodeBench decodes into a new value each time, as memberlist's handlers
// do.
func mlDecodeBench(msgType uint8, msg any, fresh func() any) func(*testing.B) {
	return func(b *testing.B) {
		buf, err := mlEncode(msgType, msg, false)
		if err != nil {
			b.Fatal(err)
		}
		body := buf.Bytes()[1:]
		for b.Loop() {
			if err := mlDecode(body, fresh()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// mlNode is a node without sockets and without anything periodic, to which
// these members are known. What it sends is dropped.
func mlNode(b *testing.B, states []fake.State) *memberlist.Memberlist {
	cfg := memberlist.DefaultLANConfig()
	cfg.Name = "node-self"
	cfg.ProbeInterval, cfg.PushPullInterval, cfg.GossipInterval = 0, 0, 0
	// Nothing is retransmitted often enough to leave the queue.
	cfg.RetransmitMult = math.MaxInt32
	cfg.Logger = log.New(io.Discard, "", 0)
	cfg.Transport = system.NewIsolatedMemberlist(system.Options{Traffic: &system.Traffic{}})
	m, err := memberlist.Create(cfg)
	if err != nil {
		b.Fatal(err)
	}
	if err := mlMergeRemoteState(m, false, states, nil); err != nil {
		b.Fatal(err)
	}
	return m
}

func mlShutdown(b *testing.B, m *memberlist.Memberlist) {
	if err := m.Shutdown(); err != nil {
		b.Fatal(err)
	}
}

type mlRumor []byte

func (mlRumor) Invalidates(memberlist.Broadcast) bool { return false }
func (r mlRumor) Message() []byte                     { return r }
func (mlRumor) Finished()                             {}
func (mlRumor) UniqueBroadcast()                      {}

func mlQueueUser(b *testing.B) {
	q := &memberlist.TransmitLimitedQueue{RetransmitMult: 4, NumNodes: func() int { return Members }}
	payload := make([]byte, 100)
	for range Members {
		q.QueueBroadcast(mlRumor(payload))
	}
	for b.Loop() {
		for range Batch {
			q.QueueBroadcast(mlRumor(payload))
		}
		b.StopTimer()
		q.Prune(Members)
		b.StartTimer()
	}
}

// mlTakeNews lets known members announce higher incarnations, round and round.
func mlTakeNews(b *testing.B) {
	states := fake.States(Members)
	m := mlNode(b, states)
	defer mlShutdown(b, m)
	from := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7946}
	next := 0
	for b.Loop() {
		b.StopTimer()
		msgs := make([][]byte, Batch)
		for i := range msgs {
			s := &states[next%Members]
			next++
			s.Incarnation++
			buf, err := mlEncode(4, &mlAlive{Incarnation: s.Incarnation, Node: s.Name, Addr: s.Addr, Port: s.Port, Vsn: s.Vsn}, false)
			if err != nil {
				b.Fatal(err)
			}
			msgs[i] = buf.Bytes()[1:]
		}
		b.StartTimer()
		for _, msg := range msgs {
			mlHandleAlive(m, msg, from)
		}
	}
}

func mlAnswerPing(b *testing.B) {
	m := mlNode(b, fake.States(Members))
	defer mlShutdown(b, m)
	from := &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 7946}
	buf, err := mlEncode(0, &mlPing{
		SeqNo: 70000, Node: "node-self", SourceAddr: []byte{10, 0, 0, 1}, SourcePort: 7946, SourceNode: fake.Name(1),
	}, false)
	if err != nil {
		b.Fatal(err)
	}
	body := buf.Bytes()[1:]
	for b.Loop() {
		mlHandlePing(m, body, from)
	}
}

// mlPick chooses three targets of gossip with the condition that memberlist's
// gossip uses: not itself, and not dead for long or gone.
func mlPick(eligible int) func(*testing.B) {
	return func(b *testing.B) {
		nodes := make([]*mlNodeState, Members)
		for i := range nodes {
			nodes[i] = &mlNodeState{Node: memberlist.Node{Name: fake.Name(i), Addr: net.IP{10, 0, byte(i >> 8), byte(i)}, Port: 7946}}
			if i*eligible/Members == (i-1)*eligible/Members && i > 0 || eligible == 0 {
				nodes[i].State = memberlist.StateLeft
			}
		}
		exclude := func(n *mlNodeState) bool {
			if n.Name == "node-self" {
				return true
			}
			switch n.State {
			case memberlist.StateAlive, memberlist.StateSuspect:
				return false
			case memberlist.StateDead:
				return time.Since(n.StateChange) > 30*time.Second
			default:
				return true
			}
		}
		for b.Loop() {
			mlRandomNodes(3, nodes, exclude)
		}
	}
}

// mlMerge takes one push/pull in, from its bytes to the table.
func mlMerge(b *testing.B, m *memberlist.Memberlist, message []byte) {
	r := bytes.NewReader(message[1:])
	_, nodes, user, err := mlReadRemoteState(m, r, codec.NewDecoder(r, &codec.MsgpackHandle{}))
	if err != nil {
		b.Fatal(err)
	}
	if err := mlMergeRemoteState(m, false, nodes, user); err != nil {
		b.Fatal(err)
	}
}

func mlMergeSame(b *testing.B) {
	states := fake.States(Members)
	message, err := fake.PushPull(states, false)
	if err != nil {
		b.Fatal(err)
	}
	m := mlNode(b, states)
	defer mlShutdown(b, m)
	for b.Loop() {
		mlMerge(b, m, message)
	}
}

func mlMergeNew(b *testing.B) {
	states := fake.States(Members)
	message, err := fake.PushPull(states[1:], false)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		m := mlNode(b, states[:1])
		b.StartTimer()
		mlMerge(b, m, message)
		b.StopTimer()
		if n := m.NumMembers(); n != Members+1 {
			b.Fatalf("%d members after the merge", n)
		}
		mlShutdown(b, m)
		b.StartTimer()
	}
}
