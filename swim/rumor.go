package swim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/musterhq/muster/wire"
)

// rumors knows which user broadcasts have been seen, so that each is delivered
// once. Two generations of the latest IDs bound its memory.
type rumors struct {
	origin      uint64
	young, aged map[rumorID]struct{}
}

type rumorID struct{ origin, seq uint64 }

// rumorsMax is how many broadcasts a generation remembers. A broadcast lives
// for seconds, so this is enough for thousands per second.
const rumorsMax = 8192

// seen tells whether id was known, and notes it.
func (r *rumors) seen(id rumorID) bool {
	if _, ok := r.young[id]; ok {
		return true
	}
	_, old := r.aged[id]
	if r.young == nil || len(r.young) >= rumorsMax {
		r.aged, r.young = r.young, make(map[rumorID]struct{})
	}
	r.young[id] = struct{}{}
	return old
}

// rumorOverhead is what a user broadcast needs beside its payload: type, origin
// and sequence number, and its place in a compound.
const (
	rumorHead     = 1 + 8 + 8
	rumorOverhead = rumorHead + partOverhead + headOverhead
)

// rumorMax is the longest payload that fits, with the namespace in front.
func (c *Core) rumorMax() int {
	n := c.room() - rumorOverhead
	if ns := c.cfg.Namespace; ns != "" {
		n -= 1 + len(ns)
	}
	return n
}

// Broadcast spreads payload to every member. Members that run muster deliver it
// once and pass it on; a memberlist peer gets it as that library's user
// message, from those who gossip to it, and may get it more than once. The
// payload must fit a packet, else the error is ErrTooLarge.
func (c *Core) Broadcast(now time.Time, payload []byte) error {
	if most := c.rumorMax(); len(payload) > most {
		return fmt.Errorf("broadcast of %d bytes, at most %d: %w", len(payload), most, ErrTooLarge)
	}
	c.advance(now)
	if c.leave.left {
		return ErrLeft
	}
	if c.usersFull(payload) {
		return ErrBusy
	}
	c.userN++
	r := wire.Rumor{Origin: c.rumors.origin, Seq: c.userN, Scope: c.cfg.Namespace, Payload: payload}
	c.rumors.seen(rumorID{r.Origin, r.Seq})
	c.spread(&r)
	return nil
}

// What bounds the user broadcasts that wait.
const (
	usersMax   = 65536
	usersBytes = 8 << 20
)

func (c *Core) usersFull(payload []byte) bool {
	return c.users.len() >= usersMax || c.users.bytes+rumorHead+len(payload) > usersBytes
}

// spread queues a broadcast in the form that carries its identity.
func (c *Core) spread(r *wire.Rumor) {
	c.userKey++
	b := c.users.add(c.userKey)
	b.alt = r.Append(slices.Grow(b.alt, rumorHead+len(r.Payload)))
	b.head = len(b.alt) - len(r.Payload)
	c.users.sized(b)
	c.wantGossip()
}

// rumor takes a broadcast from a muster peer.
func (c *Core) rumor(from netip.AddrPort, r *wire.Rumor) {
	c.heard = c.now
	if c.rumors.seen(rumorID{r.Origin, r.Seq}) {
		return
	}
	if len(r.Payload)+len(r.Scope)+1 <= c.room()-rumorOverhead && !c.usersFull(r.Payload) {
		c.spread(r)
	}
	c.deliver(from, r.Payload, true)
}

func (c *Core) deliver(from netip.AddrPort, payload []byte, rumor bool) {
	c.ready.Messages = append(c.ready.Messages, Message{From: from, Payload: append([]byte(nil), payload...), Rumor: rumor})
}
