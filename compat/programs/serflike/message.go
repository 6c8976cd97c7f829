package main

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/hashicorp/memberlist"
)

const (
	kindEvent byte = iota + 1
	kindQuery
	kindReply
	kindLeave
)

// message is everything that members say to each other: the time is the Lamport
// time of the sender, or of the query that is answered.
type message struct {
	kind    byte
	time    uint64
	name    string
	payload []byte
}

func encode(m message) []byte {
	b := []byte{m.kind}
	b = binary.BigEndian.AppendUint64(b, m.time)
	b = binary.AppendUvarint(b, uint64(len(m.name)))
	b = append(b, m.name...)
	return append(b, m.payload...)
}

func decode(b []byte) (m message, ok bool) {
	if len(b) < 10 {
		return m, false
	}
	m.kind, m.time = b[0], binary.BigEndian.Uint64(b[1:])
	n, used := binary.Uvarint(b[9:])
	if b = b[9+max(used, 0):]; used <= 0 || n > uint64(len(b)) {
		return m, false
	}
	m.name, m.payload = string(b[:n]), append([]byte(nil), b[n:]...)
	return m, true
}

// broadcast is a message in the queue; done, if any, is closed once it has been
// sent often enough.
type broadcast struct {
	msg  []byte
	done chan struct{}
}

// Invalidates says no: every message counts.
func (b *broadcast) Invalidates(memberlist.Broadcast) bool { return false }

// Message returns the bytes.
func (b *broadcast) Message() []byte { return b.msg }

// Finished tells who waits.
func (b *broadcast) Finished() {
	if b.done != nil {
		close(b.done)
	}
}

// UniqueBroadcast says that there is no need to compare.
func (b *broadcast) UniqueBroadcast() {}

// clock is Lamport's.
type clock struct{ t atomic.Uint64 }

func (c *clock) now() uint64  { return c.t.Load() }
func (c *clock) tick() uint64 { return c.t.Add(1) }

func (c *clock) witness(t uint64) {
	for {
		now := c.t.Load()
		if t < now || c.t.CompareAndSwap(now, t+1) {
			return
		}
	}
}
