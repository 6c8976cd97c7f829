package record

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// examples returns what is sent to and fro in a small cluster.
func examples(t testing.TB) (packets, requests, replies [][]byte) {
	c := newCluster(t, 71)
	c.config = func(cfg *Config) { cfg.TombstoneAge = time.Second }
	a := c.add("a")
	b, _ := c.add("b"), c.add("d")
	c.observe = func(_ *node, rd *Ready) {
		for _, p := range rd.Packets {
			packets = append(packets, p.Data)
		}
		for _, s := range rd.Streams {
			requests = append(requests, s.Request)
		}
	}
	c.meetAll()
	for i := range 40 {
		for _, n := range c.nodes {
			n.set(fmt.Sprint("k", i), fmt.Sprint("value ", i))
			n.del(fmt.Sprint("k", i/2))
		}
		b.publish("topic", fmt.Sprint("message ", i))
		a.publish("topic", "of a")
		c.run(100*time.Millisecond, nil)
	}
	late := c.add("late")
	c.meet(late, a)
	c.run(5*time.Second, nil)
	for _, r := range requests {
		if reply, err := b.Serve(c.time(), a.addr, r); err == nil {
			replies = append(replies, reply)
		}
	}
	return packets, requests, replies
}

// target is a member that has some of what the examples bring, made anew for
// each input.
type target struct{ packets [][]byte }

func (x *target) member(t testing.TB) *node {
	c := &cluster{t: t, r: rand.New(rand.NewPCG(1, 1)), start: time.Unix(1_700_000_000, 0), byKey: make(map[netip.AddrPort]*node)}
	c.config = func(cfg *Config) { cfg.TombstoneAge, cfg.MaxTotal = time.Second, 1<<20 }
	a, b, d := c.add("a"), c.add("b"), c.add("d")
	for _, n := range []*node{b, d} {
		a.PeerUp(c.time(), n.name, n.addr)
	}
	for i := range 5 {
		a.set(fmt.Sprint("k", i), "v")
		a.publish("topic", "x")
	}
	a.begin(a.Core.byName["b"], b.Generation(), 0)
	for _, p := range x.packets[:min(30, len(x.packets))] {
		if err := a.Step(c.time(), b.addr, p); err != nil && !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
	}
	a.PeerDown(c.time(), "d")
	a.Ready()
	return a
}

// sample keeps the corpus of examples small.
func sample(f *testing.F, all [][]byte) {
	step := max(1, len(all)/40)
	for i := 0; i < len(all); i += step {
		f.Add(all[i])
	}
}

// survive checks what must hold after whatever came in.
func (n *node) survive(t *testing.T, now time.Time) {
	t.Helper()
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	if s := n.Stats(); s.Bytes > 2<<20 {
		t.Fatalf("%d bytes", s.Bytes)
	}
	n.Ready()
	n.Tick(now.Add(10 * time.Second))
	for _, p := range n.Ready().Packets {
		if len(p.Data) > n.cfg.PacketSize {
			t.Fatalf("packet of %d bytes", len(p.Data))
		}
	}
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
}

func FuzzPacket(f *testing.F) {
	packets, _, _ := examples(f)
	sample(f, packets)
	x := target{packets}
	f.Fuzz(func(t *testing.T, b []byte) {
		a := x.member(t)
		c := a.c
		before := a.Digest()
		msg := append([]byte{byte(wire.TypeRecord)}, b[min(1, len(b)):]...)
		err := a.Step(c.time(), c.nodes[1].addr, msg)
		if err != nil && a.Digest() != before {
			t.Fatalf("refused with %v, yet something changed", err)
		}
		a.survive(t, c.time())
	})
}

func FuzzRequest(f *testing.F) {
	packets, requests, _ := examples(f)
	sample(f, requests)
	x := target{packets}
	f.Fuzz(func(t *testing.T, b []byte) {
		a := x.member(t)
		c := a.c
		msg := b
		if len(b) > 5 { // as far as framing goes it is whole
			msg = framed(append(wire.BeginFramed(nil, wire.TypeRecordStream), b[5:]...))
		}
		reply, err := a.Serve(c.time(), c.nodes[1].addr, msg)
		if err == nil {
			if _, _, ok := openReply(reply); !ok {
				t.Fatalf("answered %x with %x", msg, reply)
			}
			if len(reply) > a.cfg.ChunkSize+len(b)+1<<16 {
				t.Fatalf("a request of %d bytes is answered with %d", len(b), len(reply))
			}
		}
		a.survive(t, c.time())
	})
}

// FuzzReply answers a pull, or a comparison of digests, with whatever comes.
func FuzzReply(f *testing.F) {
	packets, _, replies := examples(f)
	x := target{packets}
	for i, r := range replies {
		if i%(1+len(replies)/40) == 0 {
			f.Add(r, true)
			f.Add(r, false)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, pull bool) {
		a := x.member(t)
		c := a.c
		if pull {
			m := a.Core.byName["b"]
			a.wantFrom(m, m, m.cur.gen, m.cur.at+100, 0, 0)
			a.Tick(c.time())
		} else {
			a.startSync()
		}
		msg := b
		if len(b) > 5 {
			msg = framed(append(wire.BeginFramed(nil, wire.TypeRecordStream), b[5:]...))
		}
		for _, s := range a.Ready().Streams {
			for round := 0; ; round++ {
				if a.StreamDone(c.time(), s.ID, msg, nil) == nil {
					break
				}
				if round > 100 {
					t.Fatal("goes on for ever about the same reply")
				}
			}
		}
		a.survive(t, c.time())
	})
}
