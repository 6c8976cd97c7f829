package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
)

// node is one place in the cluster: a name, and the process that bears it
// while one runs. A process that starts again is a new life at the same node.
type node struct {
	id   int
	name string
	cfg  swim.Config
	addr int32 // number of its address
	life uint32

	core    *swim.Core // nil while no process runs
	offset  int64      // of its clock
	wake    int64      // when its earliest tick is scheduled; noWake for none
	pauses  int        // Pause faults in force
	holds   int        // Hold faults in force
	backlog []int32    // slots of what waits for the end of a pause or hold
	packets int        // how many of them are packets
	outbox  []int32    // slots of what a hold keeps from leaving

	joinID  uint64
	joined  bool
	joins   int // attempts
	leaving bool
	left    bool // in this life or a former one
	leftAt  int64
	silent  bool // crashed together with its machine
	metas   int
	said    int
	streams uint64
	livelocks

	view
}

const noWake = int64(-1)

// backlogMax is how many packets wait for a stopped process: fewer than a
// socket's receive buffer holds, so that overflow is part of the game.
const backlogMax = 64

// epoch is the virtual time zero.
var epoch = time.Unix(1_700_000_000, 0).UTC()

// clock is what the node's clock shows.
func (c *Cluster) clock(n *node) time.Time { return epoch.Add(time.Duration(c.now + n.offset)) }

// localNow is the same in nanoseconds.
func (c *Cluster) localNow(n *node) int64 { return c.now + n.offset }

// Start starts node i's process, with nothing remembered.
func (c *Cluster) Start(i int) error {
	n := c.nodes[i]
	if n.core != nil {
		return nil
	}
	n.life++
	cfg := n.cfg
	cfg.Name, cfg.Addr = n.name, c.addrs[n.addr]
	cfg.Seed = derive(c.opts.Seed, i, fmt.Sprint("core ", n.life))
	core, err := swim.New(c.clock(n), cfg)
	if err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	n.core, n.silent, n.leaving, n.joined, n.joinID = core, false, false, false, 0
	n.wake, n.livelocks = noWake, livelocks{}
	n.view.reset(cfg)
	core.SetSeeds(c.seedAddrs())
	c.hash.word(uint64(c.now))
	c.hash.text("start " + n.name)
	c.note("%s starts at %v", n.name, cfg.Addr)
	c.counts[Starts]++
	c.after(n)
	c.at(c.now, evJoin, i)
	return nil
}

// stop ends node i's process without a word.
func (c *Cluster) stop(n *node, how string) {
	if n.core == nil {
		return
	}
	c.hash.word(uint64(c.now))
	c.hash.text(how + n.name)
	c.note("%s %s", n.name, how)
	c.retire(n)
	n.core = nil
	for _, id := range n.backlog {
		c.dropSlot(id)
	}
	for _, id := range n.outbox {
		c.dropSlot(id)
	}
	n.backlog, n.outbox, n.packets = n.backlog[:0], n.outbox[:0], 0
}

// dropSlot lets go of what waited for a process that is gone. A stream that
// waited to be served is reset.
func (c *Cluster) dropSlot(id int32) {
	e := c.slots[id]
	if e.kind == evServe {
		c.fail(e.str, errReset)
	}
	c.release(id)
}

// move gives a stopped node another address.
func (c *Cluster) move(n *node) {
	c.owner[n.addr] = noNode
	n.addr = c.newAddr(n.id)
	c.reseed()
}

// swap gives stopped nodes each other's addresses, as happens where addresses
// are handed out from a pool.
func (c *Cluster) swap(nodes []*node) {
	first := nodes[0].addr
	for i, n := range nodes {
		n.addr = first
		if i+1 < len(nodes) {
			n.addr = nodes[i+1].addr
		}
		c.owner[n.addr] = int32(n.id)
	}
	c.reseed()
}

// reseed tells everybody at once where the seeds are now, as a name server
// would that is asked at each attempt.
func (c *Cluster) reseed() {
	for _, other := range c.nodes {
		if other.core != nil {
			other.core.SetSeeds(c.seedAddrs())
		}
	}
}

const noNode = int32(-1)

// newAddr makes up an address for a node. Its number is in its last three
// bytes, so that finding the node of an address takes no map.
func (c *Cluster) newAddr(owner int) int32 {
	id := int32(len(c.addrs))
	if owner >= 0 && id == 0 {
		// Addresses begin at 10.0.0.1, as an operator would number them.
		c.addrs, c.owner = append(c.addrs, netip.AddrPort{}), append(c.owner, noNode)
		id = 1
	}
	ip := netip.AddrFrom4([4]byte{10, byte(id >> 16), byte(id >> 8), byte(id)})
	c.addrs = append(c.addrs, netip.AddrPortFrom(ip, 7946))
	c.owner = append(c.owner, int32(owner))
	return id
}

// lookup finds the number of an address and its node; noNode when nobody has it.
func (c *Cluster) lookup(a netip.AddrPort) (addr, node int32) {
	if !a.Addr().Is4() || a.Port() != 7946 {
		return 0, noNode
	}
	b := a.Addr().As4()
	id := int32(b[1])<<16 | int32(b[2])<<8 | int32(b[3])
	if b[0] != 10 || int(id) >= len(c.addrs) {
		return 0, noNode
	}
	return id, c.owner[id]
}

func (c *Cluster) seedAddrs() []netip.AddrPort {
	seeds := make([]netip.AddrPort, 0, c.opts.Seeds)
	for _, n := range c.nodes[:c.opts.Seeds] {
		seeds = append(seeds, c.addrs[n.addr])
	}
	return seeds
}

// joinRetry is how long a shell waits before it tries the next seed.
const joinRetry = time.Second

// join is the shell's part of getting in: one seed after the other until a
// push/pull has succeeded.
func (c *Cluster) join(n *node) {
	if n.joined || n.leaving || c.opts.Seeds == 1 && n.id == 0 {
		return
	}
	i := n.joins % c.opts.Seeds
	if i == n.id {
		i = (i + 1) % c.opts.Seeds
	}
	n.joins++
	n.joinID = n.core.Join(c.clock(n), c.addrs[c.nodes[i].addr])
	c.after(n)
}
