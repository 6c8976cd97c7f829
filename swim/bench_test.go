package swim

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/musterhq/muster/wire"
)

// crowd returns a core with n other members and nothing left to gossip.
func crowd(tb testing.TB, n int) *Core {
	tb.Helper()
	cfg := LAN()
	cfg.Name, cfg.Addr, cfg.Seed = "self", peerAddr(65000), 1
	c, err := New(start, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := c.Serve(start, peerAddr(0), states(n, 1)); err != nil {
		tb.Fatal(err)
	}
	c.Ready()
	c.queue.clear()
	return c
}

// states is a push/pull of n members.
func states(n int, inc uint32) []byte {
	all := make([]wire.PushNodeState, n)
	for i := range all {
		all[i] = wire.PushNodeState{Name: peerName(i), Addr: peerAddr(i).Addr(), Port: 7946, Incarnation: inc, Versions: DefaultVersions}
	}
	return wire.AppendPushPull(nil, wire.PushPullHeader{}, all, nil)
}

// A member costs at most 100 bytes among 10,000, its name included.
func TestBytesPerMember(t *testing.T) {
	const n = 10_000
	msg := states(n, 1)
	before := heapInUse()
	c := crowd(t, 0)
	if _, err := c.Serve(start, peerAddr(0), msg); err != nil {
		t.Fatal(err)
	}
	c.Ready()
	c.queue.clear()
	c.Tick(start) // lets go of what Ready returned
	each := float64(heapInUse()-before) / n
	runtime.KeepAlive(c)
	runtime.KeepAlive(msg)
	if each > 100 {
		t.Errorf("%.1f bytes per member", each)
	}
	t.Logf("%.1f bytes per member", each)
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkPickGossip(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				c.pickGossip()
			}
		})
	}
}

func BenchmarkMergeUnchanged(b *testing.B) {
	c, msg := crowd(b, 10_000), states(10_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		c.mergeNow(msg, origin{synced: true})
	}
}

func BenchmarkMergeAllNew(b *testing.B) {
	msg := states(10_000, 1)
	b.ReportAllocs()
	for b.Loop() {
		c := crowd(b, 0)
		c.mergeNow(msg, origin{synced: true})
	}
}

// BenchmarkGossipTick takes a full packet out of a deep queue and puts it back.
func BenchmarkGossipTick(b *testing.B) {
	c := crowd(b, 10_000)
	c.mergeNow(states(10_000, 2), origin{synced: true})
	c.cfg.RetransmitMult = 1000
	b.ReportAllocs()
	for b.Loop() {
		c.reset()
		c.gossip()
	}
}

func BenchmarkAnswerPing(b *testing.B) {
	c := crowd(b, 200)
	p := wire.Ping{SeqNo: 1, Node: "self", SourceAddr: peerAddr(7).Addr(), SourcePort: 7946, SourceNode: peerName(7)}
	msg := p.Append(nil)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Step(start, peerAddr(7), msg); err != nil {
			b.Fatal(err)
		}
		c.Ready()
	}
}

// BenchmarkSync is a whole exchange between two members with 10,000 others, the
// work of both sides.
func BenchmarkSync(b *testing.B) {
	for _, d := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("differences=%d", d), func(b *testing.B) {
			w := newTwo(b, same(10_000, nil, nil), nil)
			b.ReportAllocs()
			for inc := uint32(4); b.Loop(); inc++ {
				if d > 0 {
					b.StopTimer()
					w.give(w.b, same(10_000, func(i int) bool { return i < d }, func(s *wire.PushNodeState) { s.Incarnation = inc }))
					b.StartTimer()
				}
				if e := w.exchange(w.a, w.b, nil); e.err != nil {
					b.Fatal(e.err)
				}
				w.a.queue.clear()
			}
		})
	}
}
