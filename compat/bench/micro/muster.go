package micro

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/compat/bench/fake"
	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

func musterBenches() []Bench {
	ping := &wire.Ping{
		SeqNo: 70000, Node: nodeName, SourceAddr: netip.MustParseAddr("10.0.0.1"), SourcePort: 7946, SourceNode: fromName,
	}
	alive := &wire.Alive{
		Incarnation: 3, Node: nodeName, Addr: netip.MustParseAddr("10.0.0.1"), Port: 7946,
		Meta: bytes.Repeat([]byte("m"), 64), Versions: wire.Versions{1, 5, 2, 2, 5, 4},
	}
	return []Bench{
		{Name: EncodePing, Run: muEncode(ping)},
		{Name: DecodePing, Run: muDecodePing(ping.Append(nil)[1:])},
		{Name: EncodeAlive, Run: muEncode(alive)},
		{Name: DecodeAlive, Run: muDecodeAlive(alive.Append(nil)[1:])},
		{Name: QueueUser, Run: muQueueUser, Batched: true},
		{Name: TakeNews, Run: muTakeNews, Batched: true},
		{Name: AnswerPing, Run: muAnswerPing},
		{Name: PickAll, Run: muPick(Members)},
		{Name: PickFew, Run: muPick(Members / 100)},
		{Name: PickNone, Run: muPick(0)},
		{Name: MergeSame, Run: muMergeSame},
		{Name: MergeNew, Run: muMergeNew},
	}
}

// muEncode appends to a buffer that is used again, as the core does.
func muEncode(msg interface{ Append([]byte) []byte }) func(*testing.B) {
	return func(b *testing.B) {
		buf := make([]byte, 0, 1400)
		for b.Loop() {
			buf = msg.Append(buf[:0])
		}
	}
}

// The core decodes into one value per kind that it keeps.

func muDecodePing(body []byte) func(*testing.B) {
	return func(b *testing.B) {
		var into wire.Ping
		for b.Loop() {
			if err := into.Decode(body); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func muDecodeAlive(body []byte) func(*testing.B) {
	return func(b *testing.B) {
		var into wire.Alive
		for b.Loop() {
			if err := into.Decode(body); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// benchTime is the time in every core: nothing is ever due.
var benchTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// muPeer is where the members' news comes from; it is member 1.
var muPeer = netip.MustParseAddrPort("10.0.0.1:7946")

// muCore is a core without anything periodic, to which these members are known.
func muCore(b *testing.B, states []fake.State) *swim.Core {
	cfg := swim.LAN()
	cfg.Name, cfg.Addr = "node-self", netip.MustParseAddrPort("127.0.0.1:7946")
	cfg.ProbeInterval, cfg.PushPullInterval, cfg.GossipInterval, cfg.ReconnectInterval = 0, 0, 0, 0
	// Nothing is retransmitted often enough to leave the queue.
	cfg.RetransmitMult = 1000
	core, err := swim.New(benchTime, cfg)
	if err != nil {
		b.Fatal(err)
	}
	// One member first: what a newcomer that knows nobody learns in its first
	// push/pull it does not queue, and here the queue is to be full.
	for _, part := range [][]fake.State{states[:1], states} {
		message, err := fake.PushPull(part, false)
		if err != nil {
			b.Fatal(err)
		}
		muMerge(b, core, muAsk(core), message)
	}
	return core
}

// muAsk begins a push/pull, muMerge takes the answer in, from its bytes to the
// table.
func muAsk(core *swim.Core) uint64 {
	id := core.Join(benchTime, muPeer)
	core.Ready()
	return id
}

func muMerge(b *testing.B, core *swim.Core, id uint64, message []byte) {
	core.StreamDone(benchTime, id, message, nil)
	for _, d := range core.Ready().Done {
		if d.ID == id && d.Err != nil {
			b.Fatal(d.Err)
		}
	}
}

// muQueueUser starts from a new core for each batch: there is no way to take a
// broadcast back.
func muQueueUser(b *testing.B) {
	payload := make([]byte, 100)
	for b.Loop() {
		b.StopTimer()
		core := muCore(b, fake.States(1))
		for range Members {
			if err := core.Broadcast(benchTime, payload); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		for range Batch {
			if err := core.Broadcast(benchTime, payload); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// muTakeNews lets known members announce higher incarnations, round and round.
func muTakeNews(b *testing.B) {
	states := fake.States(Members)
	core := muCore(b, states)
	next := 0
	for b.Loop() {
		b.StopTimer()
		msgs := make([][]byte, Batch)
		for i := range msgs {
			s := &states[next%Members]
			next++
			s.Incarnation++
			ip, _ := netip.AddrFromSlice(s.Addr)
			m := wire.Alive{Incarnation: s.Incarnation, Node: s.Name, Addr: ip, Port: s.Port, Versions: wire.Versions(s.Vsn)}
			msgs[i] = m.Append(nil)
		}
		b.StartTimer()
		for _, msg := range msgs {
			if err := core.Step(benchTime, muPeer, msg); err != nil {
				b.Fatal(err)
			}
			core.Ready()
		}
	}
}

func muAnswerPing(b *testing.B) {
	core := muCore(b, fake.States(Members))
	ping := wire.Ping{
		SeqNo: 70000, Node: "node-self", SourceAddr: muPeer.Addr(), SourcePort: muPeer.Port(), SourceNode: fake.Name(1),
	}
	msg := ping.Append(nil)
	var codec wire.Codec
	sealed := make([]byte, 0, 2048)
	for b.Loop() {
		if err := core.Step(benchTime, muPeer, msg); err != nil {
			b.Fatal(err)
		}
		packets := core.Ready().Packets
		if len(packets) == 0 || len(packets[0].Data) < 1000 {
			b.Fatal("no packet full of news")
		}
		for _, p := range packets {
			if _, err := codec.Seal(sealed, p.Data, p.CRC); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func muPick(eligible int) func(*testing.B) {
	return func(b *testing.B) {
		states := fake.States(Members)
		core := muCore(b, states)
		for i := range states {
			if i*eligible/Members == (i-1)*eligible/Members && i > 0 || eligible == 0 {
				states[i].State = int(wire.StateLeft)
			}
		}
		message, err := fake.PushPull(states, false)
		if err != nil {
			b.Fatal(err)
		}
		muMerge(b, core, muAsk(core), message)
		if n := core.Stats().Alive - 1; n != eligible {
			b.Fatalf("%d are alive, not %d", n, eligible)
		}
		for b.Loop() {
			muPickGossip(core)
		}
	}
}

func muMergeSame(b *testing.B) {
	states := fake.States(Members)
	message, err := fake.PushPull(states, false)
	if err != nil {
		b.Fatal(err)
	}
	core := muCore(b, states)
	for b.Loop() {
		b.StopTimer()
		id := muAsk(core)
		b.StartTimer()
		muMerge(b, core, id, message)
	}
}

func muMergeNew(b *testing.B) {
	states := fake.States(Members)
	message, err := fake.PushPull(states[1:], false)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		core := muCore(b, states[:1])
		id := muAsk(core)
		b.StartTimer()
		muMerge(b, core, id, message)
		b.StopTimer()
		if n := core.Stats().Alive; n != Members+1 {
			b.Fatalf("%d members after the merge", n)
		}
		b.StartTimer()
	}
}
