package sim

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
)

// Cluster is one simulated cluster. It is not safe for concurrent use.
type Cluster struct {
	opts  Options
	nodes []*node
	names map[string]int // number of a member, real or made up by flipped bits

	now     int64 // virtual nanoseconds
	seq     uint64
	heap    eventHeap
	slots   []event
	free    []int32
	buffers [][]byte

	addrs    []netip.AddrPort
	owner    []int32 // of each address
	conds    []condition
	sent     []uint32
	linkSeed uint64
	active   []int // faults of the network in force
	calm     int64 // when the last fault of the network, or pause, ended
	rules    []*Rule

	issued  []uint32 // the highest incarnation each node ever announced
	hostile bool     // somebody lies: what depends on honest messages is not checked
	hash    rolling
	counts  Counts
	failure error
}

// New builds a cluster and schedules its nodes' starts and its faults.
func New(o Options) (*Cluster, error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	c := &Cluster{
		opts: o, hash: fnvOffset, linkSeed: derive(o.Seed, 0, "links"),
		names: make(map[string]int, o.Nodes), issued: make([]uint32, o.Nodes),
		conds: make([]condition, o.Nodes*o.Nodes), sent: make([]uint32, o.Nodes*o.Nodes),
		hostile: o.Faults.Has(Flip),
	}
	for i := range o.Nodes {
		n := &node{id: i, name: Name(i), cfg: o.Config(i), wake: noWake}
		n.addr = c.newAddr(i)
		c.nodes = append(c.nodes, n)
		c.names[n.name] = i
	}
	for i := range o.Nodes - o.Late {
		c.at(int64(i)*int64(o.Stagger), evStart, i)
	}
	for i, f := range o.Faults {
		c.at(int64(f.At), evFaultBegin, -1).arg = uint64(i)
		if f.For > 0 {
			c.at(int64(f.End()), evFaultEnd, -1).arg = uint64(i)
		}
	}
	return c, nil
}

// Now is the virtual time.
func (c *Cluster) Now() time.Duration { return time.Duration(c.now) }

// Hash covers every delivery and every event so far.
func (c *Cluster) Hash() uint64 { return uint64(c.hash) }

// Counts returns what happened so far, the counters of running cores included.
func (c *Cluster) Counts() Counts {
	counts := c.counts
	for _, n := range c.nodes {
		if n.core != nil {
			counts.addStats(n.core.Stats())
		}
	}
	return counts
}

// Err is the first violation, nil while there is none.
func (c *Cluster) Err() error { return c.failure }

// Core is node i's core, nil while its process does not run. It is for
// looking at.
func (c *Cluster) Core(i int) *swim.Core { return c.nodes[i].core }

// Addr is node i's address.
func (c *Cluster) Addr(i int) netip.AddrPort { return c.addrs[c.nodes[i].addr] }

// Run runs until the virtual time t, or the first violation.
func (c *Cluster) Run(t time.Duration) error {
	for c.failure == nil && len(c.heap) > 0 && c.heap[0].at <= int64(t) {
		c.step()
	}
	if c.failure == nil {
		c.now = max(c.now, int64(t))
	}
	return c.failure
}

// RunUntil runs until done, which is asked after every event, or until the
// virtual time t. It tells which.
func (c *Cluster) RunUntil(t time.Duration, done func() bool) (bool, error) {
	for !done() {
		if c.failure != nil || len(c.heap) == 0 || c.heap[0].at > int64(t) {
			return false, c.Run(t)
		}
		c.step()
	}
	return true, c.failure
}

// step takes the next event.
func (c *Cluster) step() {
	it := c.heap.pop()
	c.now = it.at
	c.counts[Events]++
	e := c.slots[it.ev]
	switch e.kind {
	case evFaultBegin:
		c.release(it.ev)
		c.beginFault(int(e.arg))
		return
	case evFaultEnd:
		c.release(it.ev)
		c.endFault(int(e.arg))
		return
	case evStart:
		c.release(it.ev)
		c.check(c.Start(int(e.node)))
		return
	}
	n := c.nodes[e.node]
	if c.waits(n, &e, it.ev) {
		return
	}
	c.handle(n, &e)
	c.release(it.ev)
}

// waits puts an event off while n's process is stopped or cut off from its
// sockets.
func (c *Cluster) waits(n *node, e *event, id int32) bool {
	input := e.kind == evPacket || e.kind == evServe || e.kind == evReply
	if n.core == nil || n.pauses == 0 && (n.holds == 0 || !input) || e.kind == evStop {
		return false
	}
	if e.kind == evTick {
		n.wake = noWake
		c.release(id)
		return true
	}
	if e.kind == evPacket {
		if n.packets >= backlogMax {
			c.counts[Overflowed]++
			c.counts[Lost]++
			c.release(id)
			return true
		}
		n.packets++
	}
	n.backlog = append(n.backlog, id)
	return true
}

// handle lets n have an event.
func (c *Cluster) handle(n *node, e *event) {
	switch e.kind {
	case evServe: // also answers for a process that is gone
		c.serve(n, e)
		return
	case evPacket: // finds whatever process has the address now
		if n.core == nil || n.addr != int32(e.arg) {
			c.counts[Lost]++
			return
		}
		c.deliver(n, e.addr, e.data)
		return
	}
	if n.core == nil || n.life != e.life {
		return
	}
	switch e.kind {
	case evTick:
		c.tick(n)
	case evSend:
		c.transmit(n, e.addr, e.data)
	case evOpen:
		c.connect(n, e.str)
	case evReply:
		var err error
		if e.arg != 0 {
			err = errRefused
		}
		c.finish(n, e.str, e.str.data, err)
	case evExpire:
		c.finish(n, e.str, nil, errTimeout)
	case evAnswer:
		c.answer(n, e.arg)
	case evJoin:
		c.join(n)
	case evStop:
		c.stop(n, "stops")
	}
}

// deliver steps n's core with a packet and spoils the buffer afterwards: a
// core that kept a part of it gets caught.
func (c *Cluster) deliver(n *node, from int32, data []byte) {
	c.hash.word(uint64(c.now))
	c.hash.word(uint64(n.id)<<32 | uint64(from))
	c.hash.bytes(data)
	n.received++
	// The core counts what it ignores; there is nothing to do about it.
	_ = n.core.Step(c.clock(n), c.addrs[from], data)
	poison(data)
	c.after(n)
}

func poison(b []byte) {
	for i := range b {
		b[i] = 0xDB
	}
}

// tick gives n's core the time, if it still wants it.
func (c *Cluster) tick(n *node) {
	if n.wake != c.now {
		return // another tick took its place
	}
	n.wake = noWake
	if d, ok := n.core.Deadline(); !ok || int64(d.Sub(epoch))-n.offset > c.now {
		c.retick(n)
		return
	}
	c.checkLivelock(n)
	n.core.Tick(c.clock(n))
	n.ticking = true
	c.after(n)
	n.ticking = false
}

// retick schedules n's next tick. A tick that is scheduled earlier stays: it
// finds out by itself that it came too soon.
func (c *Cluster) retick(n *node) {
	d, ok := n.core.Deadline()
	if !ok {
		return
	}
	at := max(int64(d.Sub(epoch))-n.offset, c.now)
	if n.wake != noWake && n.wake <= at {
		return
	}
	n.wake = at
	c.at(at, evTick, n.id)
}
