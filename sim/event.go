package sim

// eventKind is what an entry of the heap is about.
type eventKind uint8

const (
	evPacket     eventKind = iota // data arrives at node from addr
	evTick                        // node's core wants a Tick
	evSend                        // node's held packet leaves for addr
	evOpen                        // node's held stream is opened
	evServe                       // a stream's request arrives at node
	evReply                       // a stream's reply arrives at node
	evExpire                      // a stream's time is over
	evAnswer                      // node's application answers a question
	evJoin                        // node's shell tries to join
	evStart                       // node's process starts
	evStop                        // node's leave has had its time
	evFaultBegin                  // fault number arg begins
	evFaultEnd                    // and ends
)

// event is one slot; slots are reused, so that running allocates nothing.
type event struct {
	kind eventKind
	life uint32 // of node, for what does not outlive its process
	node int32
	addr int32 // number of an address
	arg  uint64
	data []byte
	str  *stream
}

// at schedules an event and returns its slot to be filled in.
func (c *Cluster) at(t int64, kind eventKind, node int) *event {
	id := c.slot()
	c.push(t, id)
	e := &c.slots[id]
	e.kind, e.node = kind, int32(node)
	if node >= 0 {
		e.life = c.nodes[node].life
	}
	return e
}

// slot hands out an unused slot.
func (c *Cluster) slot() int32 {
	if n := len(c.free); n > 0 {
		id := c.free[n-1]
		c.free = c.free[:n-1]
		return id
	}
	c.slots = append(c.slots, event{})
	return int32(len(c.slots) - 1)
}

// push schedules a slot, at once if its time has passed.
func (c *Cluster) push(t int64, id int32) {
	c.seq++
	c.heap.push(item{at: max(t, c.now), seq: c.seq, ev: id})
}

// release takes a slot back, and its buffer.
func (c *Cluster) release(id int32) {
	e := &c.slots[id]
	if e.data != nil {
		c.recycle(e.data)
	}
	*e = event{}
	c.free = append(c.free, id)
}

// bufferSize holds a packet of the usual limit; larger ones are not kept.
const bufferSize = 1536

// buffer returns a copy of data in a buffer of the cluster's.
func (c *Cluster) buffer(data []byte) []byte {
	if n := len(c.buffers); n > 0 && len(data) <= bufferSize {
		b := c.buffers[n-1]
		c.buffers = c.buffers[:n-1]
		return append(b, data...)
	}
	return append(make([]byte, 0, max(bufferSize, len(data))), data...)
}

func (c *Cluster) recycle(b []byte) {
	if cap(b) == bufferSize {
		c.buffers = append(c.buffers, b[:0])
	}
}
