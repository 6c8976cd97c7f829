package record

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// cluster drives many cores on virtual time over links that delay and lose. The
// same seed gives the same run.
type cluster struct {
	t     testing.TB
	seed  uint64
	r     *rand.Rand
	start time.Time
	now   time.Duration
	queue occurrences
	seq   uint64
	nodes []*node
	byKey map[netip.AddrPort]*node

	loss     float64
	delay    time.Duration // of a packet, up to
	cut      func(a, b *node) bool
	config   func(*Config)
	observe  func(n *node, rd *Ready)
	packets  int
	bytes    int // in packets
	streamed int // bytes over streams
	streams  int
	lagging  int
}

// node is one process; a restart makes a new one at the same address.
type node struct {
	*Core
	c       *cluster
	name    string
	id      int
	addr    netip.AddrPort
	down    bool
	life    int
	tickAt  time.Duration
	shown   map[string]shown  // by owner
	got     map[string]uint64 // messages per owner
	gotLife map[string]int
	done    uint64
	deliver int
}

type shown struct{ gen, version uint64 }

type occurrence struct {
	at   time.Duration
	seq  uint64
	do   func()
	node *node // of a packet or a tick
	life int
	data []byte
	from *node
}

type occurrences []occurrence

func (h occurrences) Len() int { return len(h) }
func (h occurrences) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].seq < h[j].seq
}
func (h occurrences) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *occurrences) Push(x any)   { *h = append(*h, x.(occurrence)) }
func (h *occurrences) Pop() any {
	s := *h
	x := s[len(s)-1]
	s[len(s)-1] = occurrence{}
	*h = s[:len(s)-1]
	return x
}

func newCluster(t testing.TB, seed uint64) *cluster {
	t.Helper()
	t.Logf("seed %d", seed)
	return &cluster{
		t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 77)), start: time.Unix(1_700_000_000, 0),
		byKey: make(map[netip.AddrPort]*node), delay: 2 * time.Millisecond,
	}
}

func (c *cluster) node(name string) *node {
	for _, n := range c.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

func (c *cluster) time() time.Time { return c.start.Add(c.now) }

func (c *cluster) schedule(after time.Duration, o occurrence) {
	c.seq++
	o.at, o.seq = c.now+after, c.seq
	heap.Push(&c.queue, o)
}

func (c *cluster) after(d time.Duration, do func()) { c.schedule(d, occurrence{do: do}) }

// add starts a process that knows nobody yet.
func (c *cluster) add(name string) *node {
	id := len(c.nodes)
	n := &node{c: c, name: name, id: id, addr: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(id >> 16), byte(id >> 8), byte(id)}), 7946)}
	c.nodes = append(c.nodes, n)
	c.byKey[n.addr] = n
	n.boot()
	return n
}

// boot starts the process anew, with all it knew forgotten.
func (n *node) boot() {
	n.life++
	n.down = false
	cfg := Defaults()
	cfg.Name, cfg.Generation = n.name, uint64(n.c.time().UnixNano())
	cfg.Seed = n.c.seed ^ uint64(n.id)<<32 ^ uint64(n.life)
	if n.c.config != nil {
		n.c.config(&cfg)
	}
	core, err := New(n.c.time(), cfg)
	if err != nil {
		n.c.t.Fatal(err)
	}
	n.Core, n.tickAt = core, -1
	n.shown, n.got, n.gotLife, n.done = make(map[string]shown), make(map[string]uint64), make(map[string]int), 0
	n.act()
}

// meet makes two members known to each other.
func (c *cluster) meet(a, b *node) {
	a.Core.PeerUp(c.time(), b.name, b.addr)
	a.act()
	b.Core.PeerUp(c.time(), a.name, a.addr)
	b.act()
}

func (c *cluster) meetAll() {
	for i, a := range c.nodes {
		for _, b := range c.nodes[:i] {
			if !a.down && !b.down {
				c.meet(a, b)
			}
		}
	}
}

// part makes everybody take a member for dead.
func (c *cluster) part(n *node) {
	for _, o := range c.nodes {
		if o != n && !o.down {
			o.Core.PeerDown(c.time(), n.name)
			o.act()
		}
	}
}

// broken reports whether nothing gets from a to b.
func (c *cluster) broken(a, b *node) bool {
	return a.down || b.down || c.cut != nil && c.cut(a, b)
}

// act does what a core wants, after each of its inputs.
func (n *node) act() {
	c := n.c
	rd := n.Ready()
	if c.observe != nil {
		c.observe(n, &rd)
	}
	n.check(&rd)
	for _, p := range rd.Packets {
		c.packets++
		c.bytes += len(p.Data)
		if len(p.Data) > n.cfg.PacketSize {
			c.t.Fatalf("packet of %d bytes, at most %d", len(p.Data), n.cfg.PacketSize)
		}
		to := c.byKey[p.To]
		if to == nil || c.broken(n, to) || c.r.Float64() < c.loss {
			continue
		}
		c.schedule(c.latency(), occurrence{node: to, life: to.life, data: p.Data, from: n})
	}
	for _, s := range rd.Streams {
		c.streams++
		c.dial(n, s)
	}
	n.arm()
}

func (c *cluster) latency() time.Duration {
	return time.Millisecond/4 + time.Duration(c.r.Int64N(int64(c.delay)+1))
}

func (n *node) arm() {
	at, ok := n.Deadline()
	if !ok {
		return
	}
	due := max(at.Sub(n.c.start), n.c.now)
	if n.tickAt >= 0 && n.tickAt <= due {
		return
	}
	n.tickAt = due
	n.c.schedule(due-n.c.now, occurrence{node: n, life: n.life})
}

var errCut = errors.New("no connection")

// dial runs one stream: a round trip to connect, one per request.
func (c *cluster) dial(n *node, s Stream) {
	life, to := n.life, c.byKey[s.To]
	done := func(reply []byte, err error) (next []byte) {
		if n.down || n.life != life {
			return nil
		}
		next = n.StreamDone(c.time(), s.ID, reply, err)
		n.act()
		return next
	}
	toLife := to.life
	var round func(request []byte)
	rounds := 0
	round = func(request []byte) {
		c.streamed += len(request)
		c.after(c.latency(), func() {
			if c.broken(n, to) || to.life != toLife {
				c.after(time.Second, func() { done(nil, errCut) })
				return
			}
			reply, err := to.Serve(c.time(), n.addr, request)
			to.act()
			if err != nil {
				c.t.Fatalf("seed %d: %s to %s: %v", c.seed, n.name, to.name, err)
			}
			c.streamed += len(reply)
			if rounds++; rounds > 500 {
				c.t.Fatalf("seed %d: %d rounds over a stream of %s to %s", c.seed, rounds, n.name, to.name)
			}
			c.after(c.latency(), func() {
				if next := done(reply, nil); next != nil {
					round(next)
				}
			})
		})
	}
	c.after(2*c.latency(), func() { round(s.Request) })
}

// run goes on for a while, or until a condition holds, and reports whether it does.
func (c *cluster) run(d time.Duration, until func() bool) bool {
	c.t.Helper()
	end := c.now + d
	var looked time.Duration
	for len(c.queue) > 0 && c.queue[0].at <= end {
		o := heap.Pop(&c.queue).(occurrence)
		c.now = o.at
		c.perform(o)
		if until != nil && c.now >= looked {
			if until() {
				return true
			}
			looked = c.now + 50*time.Millisecond
		}
	}
	c.now = end
	return until != nil && until()
}

func (c *cluster) perform(o occurrence) {
	n := o.node
	switch {
	case n == nil:
		o.do()
	case n.down || n.life != o.life:
	case o.data != nil:
		if err := n.Step(c.time(), o.from.addr, o.data); err != nil && !errors.Is(err, ErrUnknown) {
			c.t.Fatalf("seed %d: %s to %s: %v", c.seed, o.from.name, n.name, err)
		}
		n.act()
	case o.at == n.tickAt:
		n.tickAt = -1
		n.Tick(c.time())
		n.act()
	}
}

// check verifies what must hold of every core at all times: what is shown of
// an owner never goes back, and messages come in order, each once.
func (n *node) check(rd *Ready) {
	c := n.c
	for i := range rd.Events {
		e := &rd.Events[i]
		if i > 0 && e.Owner == rd.Events[i-1].Owner {
			continue
		}
		gen, version := n.Version(e.Owner)
		was := n.shown[e.Owner]
		if gen == 0 { // forgotten
			delete(n.shown, e.Owner)
			continue
		}
		if gen < was.gen || gen == was.gen && version < was.version {
			c.t.Fatalf("seed %d, %v: %s shows %s at %d.%d after %d.%d", c.seed, c.now, n.name, e.Owner, gen, version, was.gen, was.version)
		}
		n.shown[e.Owner] = shown{gen, version}
	}
	for _, m := range rd.Messages {
		n.deliver++
		if o := c.node(m.Owner); o == nil || !slices.Contains(o.gens, n.Core.byName[m.Owner].log.gen) {
			continue // of a former life, on its way yet
		} else if n.gotLife[m.Owner] != o.life {
			n.gotLife[m.Owner] = o.life
			delete(n.got, m.Owner)
		}
		if last, ok := n.got[m.Owner]; ok && m.Seq != last+1 && n.Stats().Lost == 0 {
			c.t.Fatalf("seed %d, %v: %s got message %d of %s after %d", c.seed, c.now, n.name, m.Seq, m.Owner, last)
		}
		n.got[m.Owner] = m.Seq
	}
	ended := append(slices.Clone(rd.Done), rd.Expired...)
	slices.Sort(ended)
	for _, seq := range ended {
		if seq != n.done+1 {
			c.t.Fatalf("seed %d: message %d done after %d", c.seed, seq, n.done)
		}
		n.done = seq
	}
}

// set gives one of a node's keys a value.
func (n *node) set(key, value string) {
	if err := n.Set(n.c.time(), key, []byte(value), 0); err != nil {
		n.c.t.Fatal(err)
	}
	n.act()
}

func (n *node) del(key string) {
	n.Delete(n.c.time(), key)
	n.act()
}

func (n *node) get(owner, key string) string {
	v, ok := n.Get(owner, key)
	if !ok {
		return "-"
	}
	return string(v)
}

// converged reports whether all that are up hold the same records of all owners
// that are up.
func (c *cluster) converged() bool {
	for i := range c.nodes { // first those who had it last not to be so
		owner := c.nodes[(c.lagging+i)%len(c.nodes)]
		if owner.down {
			continue
		}
		gen, version := owner.Version(owner.name)
		for _, n := range c.nodes {
			if n.down {
				continue
			}
			if g, v := n.Version(owner.name); g != gen || v != version {
				c.lagging = owner.id
				return false
			}
		}
	}
	return true
}

// mustAgree compares the contents of all copies, key by key.
func (c *cluster) mustAgree() {
	c.t.Helper()
	for _, owner := range c.nodes {
		if owner.down {
			continue
		}
		want := owner.content(owner.name)
		for _, n := range c.nodes {
			if !n.down {
				if got := n.content(owner.name); got != want {
					c.t.Fatalf("seed %d: %s has of %s\n%s\nwant\n%s", c.seed, n.name, owner.name, got, want)
				}
			}
			if err := n.Check(); err != nil {
				c.t.Fatalf("seed %d: %s: %v", c.seed, n.name, err)
			}
		}
	}
}

func (n *node) content(owner string) string {
	gen, version := n.Version(owner)
	var out strings.Builder
	fmt.Fprintf(&out, "%d.%d", gen, version)
	n.Each(owner, "", func(key string, value []byte, v uint64) bool {
		if len(value) > 40 {
			value = value[:40]
		}
		fmt.Fprintf(&out, " %s=%s@%d", key, value, v)
		return true
	})
	return out.String()
}
