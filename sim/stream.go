package sim

import (
	"errors"
	"time"

	"github.com/musterhq/muster/swim"
)

// What a stream's initiator is told.
var (
	errTimeout = errors.New("stream: timeout")
	errRefused = errors.New("stream: connection refused")
	errReset   = errors.New("stream: connection reset")
)

// stream is one exchange under way, in one round or several.
type stream struct {
	id       uint64
	from     *node
	fromLife uint32
	toLife   uint32 // of the acceptor, once there was an answer
	rounds   int    // answers so far
	to       int32  // number of the address
	data     []byte
	deadline int64
	hash     uint64 // for its draws
	legs     uint32
	done     bool
}

// open begins the exchange that n's core asked for.
func (c *Cluster) open(n *node, s *swim.Stream) {
	n.streams++
	c.counts[Streams]++
	if s.Kind == swim.StreamPing {
		c.counts[StreamPings]++
	}
	addr, _ := c.lookup(s.To)
	st := &stream{
		id: s.ID, from: n, fromLife: n.life, to: addr, data: s.Request,
		deadline: int64(s.Deadline.Sub(epoch)) - n.offset,
		hash:     mix(c.linkSeed + uint64(n.id)*golden + n.streams<<20 + uint64(n.life)),
	}
	c.streamNote(n, st, s.Kind)
	e := c.at(st.deadline, evExpire, n.id)
	e.str = st
	c.say(n, st)
}

// say sends what the initiator has to say, now or when nothing holds it any
// more.
func (c *Cluster) say(n *node, st *stream) {
	if n.holds > 0 {
		id := c.slot()
		c.slots[id] = event{kind: evOpen, node: int32(n.id), life: n.life, str: st}
		n.outbox = append(n.outbox, id)
		return
	}
	c.connect(n, st)
}

// connect sends the handshake and the request, which is three times across the
// link, or a further request on the connection. What does not get through is
// left to the deadline.
func (c *Cluster) connect(n *node, st *stream) {
	to := noNode
	if st.to > 0 {
		to = c.owner[st.to]
	}
	if to < 0 {
		return // no such machine
	}
	delay, times := int64(0), 3
	if st.rounds > 0 {
		times = 1
	}
	for range times {
		d, ok := c.leg(n.id, int(to), st)
		if !ok {
			return
		}
		delay += d
	}
	if cond, _ := c.link(n.id, int(to)); cond.refuse {
		c.refuse(st, delay)
		return
	}
	e := c.at(c.now+delay, evServe, int(to))
	e.str, e.addr = st, n.addr
}

// leg is the time of one segment between two nodes, retransmissions included.
func (c *Cluster) leg(from, to int, st *stream) (int64, bool) {
	there, _ := c.link(from, to)
	back, _ := c.link(to, from)
	if there.cut || back.cut || there.blackhole || back.blackhole || there.noRoute || back.noRoute {
		return 0, false
	}
	st.legs++
	h := mix(st.hash + uint64(st.legs)*golden)
	delay := int64(c.opts.Link.Delay) + below(draw(h, drawJitter), int64(c.opts.Link.Jitter)) + int64(there.delay)
	for wait := 200 * time.Millisecond; there.loss > 0 && wait < 10*time.Second; wait *= 2 {
		h = mix(h)
		if !chance(draw(h, drawLoss), there.loss) {
			break
		}
		delay += int64(wait)
	}
	return delay, true
}

// serve hands the request to the acceptor's core and sends its reply back.
func (c *Cluster) serve(n *node, e *event) {
	st := e.str
	if n.addr != st.to || n.core == nil {
		if !n.silent {
			c.fail(st, errRefused)
		}
		return
	}
	if st.rounds > 0 && st.toLife != n.life {
		c.fail(st, errReset) // a connection of the process that was here before
		return
	}
	st.toLife = n.life
	c.hash.word(uint64(c.now))
	c.hash.word(uint64(n.id)<<32 | uint64(e.addr))
	c.hash.bytes(st.data)
	c.counts[Served]++
	reply, err := n.core.Serve(c.clock(n), c.addrs[e.addr], st.data)
	poison(st.data)
	if reply != nil {
		reply = append([]byte(nil), reply...) // it has left: the acceptor cannot change it any more
	}
	c.after(n)
	if err != nil {
		c.note("%s: stream from %s: %v", n.name, st.from.name, err)
	}
	delay, ok := c.leg(n.id, st.from.id, st)
	if !ok {
		return
	}
	c.answerNote(n, st, reply)
	st.data = reply
	back := c.at(c.now+delay, evReply, st.from.id)
	back.str, back.life = st, st.fromLife
}

// fail tells the initiator, one way later, that its connection came to nothing.
func (c *Cluster) fail(st *stream, err error) {
	if errors.Is(err, errReset) {
		c.counts[Resets]++
	}
	c.refuse(st, int64(c.opts.Link.Delay))
}

func (c *Cluster) refuse(st *stream, delay int64) {
	st.data = nil
	e := c.at(c.now+delay, evReply, st.from.id)
	e.str, e.life, e.arg = st, st.fromLife, 1
}

// finish hands the outcome of a stream, or of a round of it, to its initiator,
// once.
func (c *Cluster) finish(n *node, st *stream, reply []byte, err error) {
	if st.done || n.core == nil || n.life != st.fromLife {
		return
	}
	st.done = true
	if err == nil && c.now >= st.deadline {
		reply, err = nil, errTimeout // read too late: the process stood still
	}
	if err == nil && reply == nil {
		err = errReset // the acceptor closed without an answer
	}
	if err != nil {
		c.counts[StreamsFailed]++
	}
	c.hash.word(uint64(c.now))
	c.hash.word(uint64(n.id)<<32 | st.id)
	c.hash.bytes(reply)
	if c.opts.Trace != nil {
		c.note("%s: stream %d: %v", n.name, st.id, err)
	}
	next := n.core.StreamDone(c.clock(n), st.id, reply, err)
	poison(reply)
	c.after(n)
	if next == nil {
		return
	}
	if err != nil {
		c.violate(n, Inside, "wants to go on with a stream that failed: %v", err)
		return
	}
	c.counts[Rounds]++
	st.done, st.data = false, next
	st.rounds++
	c.streamNote(n, st, swim.StreamSync)
	c.say(n, st)
}
