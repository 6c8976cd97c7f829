package mustertest

// Counters of a link. Packets sent are delivered, lost or under way.
type Counters struct {
	Packets, Bytes uint64 // sent
	Delivered      uint64 // packets put into the receiver's queue, doubles included
	Lost           uint64 // by loss, filter, cut, lack of bandwidth or of a receiver
	Duplicated     uint64
	Streams        uint64 // opened
	Refused        uint64 // not opened
	StreamBytes    uint64 // written, in this direction
}

// Counters returns the counters of a link since the start; Any adds up those
// of all that it stands for.
func (n *Network) Counters(from, to string) Counters {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := pair{n.find(from), n.find(to)}
	var sum Counters
	for q, l := range n.links {
		if (!p.from.IsValid() || p.from == q.from) && (!p.to.IsValid() || p.to == q.to) {
			sum.add(&l.counts)
		}
	}
	return sum
}

func (c *Counters) add(d *Counters) {
	c.Packets += d.Packets
	c.Bytes += d.Bytes
	c.Delivered += d.Delivered
	c.Lost += d.Lost
	c.Duplicated += d.Duplicated
	c.Streams += d.Streams
	c.Refused += d.Refused
	c.StreamBytes += d.StreamBytes
}
