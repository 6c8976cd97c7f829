package record

import (
	"cmp"
	"slices"
	"time"
)

const (
	// packetsMax bounds how many packets of segments one peer is sent per tick,
	// hintPackets how many more of hints; in a wave it is the other way round.
	packetsMax  = 4
	hintPackets = 1
	hintSize    = 40 // of a hint, about
	// wave is how many rumors at a time are too many to be sent in full, each
	// several times to everybody: most become hints, and are pulled once.
	wave = 64
)

// wantGossip brings the next gossip forward to as soon as the interval allows.
// News leaves at once when nothing has lately, after a moment for what belongs
// with it to arrive.
func (c *Core) wantGossip() {
	at := c.now.add(c.cfg.GossipInterval / 20)
	if c.lastGossip != never {
		at = max(at, c.lastGossip.add(c.cfg.GossipInterval))
	}
	sooner(&c.nextGossip, at)
}

// gossip sends what waits to a few peers, the same to each of them.
func (c *Core) gossip() {
	c.lastGossip, c.nextGossip = c.now, never
	if len(c.ups) == 0 {
		c.queue.clear()
		return
	}
	targets := c.pick(c.scratch.targets[:0], c.cfg.Fanout, c.rand.gossip)
	c.scratch.targets = targets
	f := filler{c: c, targets: len(targets)}
	segments, hints := c.choose()
	f.hints(f.segments(segments, hints))
	for _, b := range f.packets {
		for _, m := range targets {
			c.send(m, b)
		}
	}
	if len(c.queue.all) > 0 { // some perhaps for the last time
		wait := c.cfg.GossipInterval
		if len(f.packets) > packetsMax {
			wait /= 2 // a wave drains instead of standing in line
		}
		sooner(&c.nextGossip, c.now.add(max(wait, time.Millisecond)))
	}
}

// choose picks the rumors for one tick: those whose segments fit into packets,
// and those to be hinted at. They come in the order of owners and versions, so
// that what arrives can be applied as it comes.
func (c *Core) choose() (segments, hints []*rumor) {
	one := c.cfg.PacketSize - len(c.cfg.Name) - 2
	room, hintRoom := packetsMax*one, hintPackets*one
	if len(c.queue.all) > wave {
		room, hintRoom = hintRoom, room
	}
	limit := c.transmitLimit()
	stale := c.now.add(-2 * time.Duration(1+limit/c.cfg.Fanout) * c.cfg.GossipInterval)
	c.queue.each(limit, stale, func(r *rumor) bool {
		if size := c.sizeOf(r, min(room, one)); size <= min(room, one) {
			room -= size
			segments = append(segments, r)
		} else if hintRoom >= hintSize {
			hintRoom -= hintSize
			hints = append(hints, r)
		}
		return room >= hintSize || hintRoom >= hintSize
	})
	slices.SortFunc(segments, (*rumor).compare)
	slices.SortFunc(hints, (*rumor).compare)
	return segments, hints
}

func (r *rumor) compare(o *rumor) int {
	if r.m == o.m && r.log != o.log {
		if o.log {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(r.m.pos, o.m.pos), cmp.Compare(r.from, o.from), cmp.Compare(r.to, o.to))
}

// sizeOf returns how long a rumor is as an item of a packet, or something
// above limit.
func (c *Core) sizeOf(r *rumor, limit int) int {
	head := 3 + len(r.m.name)
	switch {
	case r.log:
		return head + stretchSize(&r.m.log, r.from, r.to, limit)
	case r.from == r.to && r.to > 0:
		return limit + 1 // a mere hint
	}
	return head + segmentSize(&r.m.cur, r.from, r.to, limit)
}

// filler fills the packets of one tick.
type filler struct {
	c       *Core
	targets int
	packets [][]byte
}

// segments writes rumors in full. Those for which there is no room after all
// join the hints.
func (f *filler) segments(rumors, hints []*rumor) []*rumor {
	for _, r := range rumors {
		if f.put(packetsMax, func(b []byte) []byte { return f.c.appendRumor(b, r) }) {
			r.sent += f.targets
		} else {
			hints = append(hints, r)
		}
	}
	return hints
}

// hints writes one hint for each owner.
func (f *filler) hints(rumors []*rumor) {
	var last *member
	for _, r := range rumors {
		if r.m != last && !f.put(packetsMax+hintPackets, func(b []byte) []byte { return appendHint(b, r.m) }) {
			continue // in the next tick
		}
		r.sent += f.targets
		last = r.m
	}
}

// put appends one item, to the last packet or, if it does not fit there and
// there may be as many, to a new one.
func (f *filler) put(most int, item func(b []byte) []byte) bool {
	size := f.c.cfg.PacketSize
	if n := len(f.packets); n > 0 {
		if b := item(f.packets[n-1]); len(b) <= size {
			f.packets[n-1] = b
			return true
		}
	}
	if len(f.packets) >= most {
		return false
	}
	b := item(f.c.packet())
	if len(b) > size {
		return false
	}
	f.packets = append(f.packets, b)
	return true
}

func (c *Core) appendRumor(b []byte, r *rumor) []byte {
	if r.log {
		b, c.scratch.bytes, _ = appendStretch(appendHead(b, itemLog, r.m.name), c.scratch.bytes, &r.m.log, r.from, r.to, c.cfg.PacketSize)
	} else {
		b, c.scratch.bytes, _ = appendSegment(appendHead(b, itemMap, r.m.name), c.scratch.bytes, &r.m.cur, r.from, r.to, c.cfg.PacketSize)
	}
	return b
}
