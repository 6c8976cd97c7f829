package swim

import (
	"errors"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// ErrNoAnswer is what Done carries for a Ping without an ack in time.
var ErrNoAnswer = errors.New("no answer to the ping")

// ownPing is a ping that the application asked for.
type ownPing struct {
	id      uint64
	started instant
}

// pingsMax bounds those under way.
const pingsMax = 1024

// Ping pings once, and the outcome changes nothing: Ready.Done carries the
// round-trip time, or ErrNoAnswer, under the ID returned. name is whom the
// ping is for; a member of another name ignores it.
func (c *Core) Ping(now time.Time, name string, to netip.AddrPort) (id uint64, err error) {
	c.advance(now)
	if len(c.pings) >= pingsMax {
		return 0, ErrBusy
	}
	c.streamID++
	seq := c.nextSeq()
	c.pings[seq] = ownPing{c.streamID, c.now}
	c.tidyTimers()
	c.timers.push(timer{c.now.add(max(c.cfg.ProbeTimeout, time.Millisecond)), timerPing, seq})
	self := c.table.at(selfID)
	p := wire.Ping{
		SeqNo: seq, Node: name, Caps: c.caps(),
		SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name,
	}
	c.postRaw(to, p.Append(c.scratch.msg[:0]))
	c.ready.Packets[len(c.ready.Packets)-1].Name = name
	return c.streamID, nil
}

// pingDone reports the outcome of an own ping, and whether seq is of one.
func (c *Core) pingDone(seq uint32, err error) bool {
	p, ok := c.pings[seq]
	if !ok {
		return false
	}
	delete(c.pings, seq)
	d := Done{ID: p.id, Err: err}
	if err == nil {
		d.RTT = time.Duration(c.now - p.started)
	}
	c.ready.Done = append(c.ready.Done, d)
	return true
}
