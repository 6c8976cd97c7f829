package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/hashicorp/memberlist"
)

// item is a broadcast that others of its key may invalidate.
type item struct {
	key, id int
	msg     []byte
}

func (b *item) Invalidates(other memberlist.Broadcast) bool {
	switch o := other.(type) {
	case *item:
		return o.key == b.key
	case *named:
		return o.key == b.key
	case *unique:
		return o.key == b.key
	}
	return false
}

func (b *item) Message() []byte { return b.msg }
func (b *item) Finished()       { fmt.Print(" -", b.id) }

type named struct{ item }

func (b *named) Name() string { return fmt.Sprint(b.key) }

type unique struct{ item }

func (b *unique) UniqueBroadcast() {}

// queue uses one at random and prints what comes out, and what is finished.
func queue(seed uint64) {
	r := rand.New(rand.NewPCG(seed, 0))
	nodes := 1
	q := &memberlist.TransmitLimitedQueue{RetransmitMult: 2, NumNodes: func() int { return nodes }}
	ids := make(map[*byte]int)
	// One that never fits: hashicorp/memberlist numbers broadcasts from zero
	// again when all are taken out at once, and then no longer knows the newest.
	q.QueueBroadcast(&unique{item{id: -1, msg: make([]byte, 1000)}})
	for id := range 20000 {
		b := item{key: r.IntN(40), id: id, msg: make([]byte, 1+r.IntN(100))}
		switch p := r.IntN(100); {
		case p < 20:
			queued := &item{b.key, id, b.msg}
			ids[&b.msg[0]] = id
			q.QueueBroadcast(queued)
		case p < 40:
			ids[&b.msg[0]] = id
			q.QueueBroadcast(&named{b})
		case p < 60:
			ids[&b.msg[0]] = id
			q.QueueBroadcast(&unique{b})
		case p < 97:
			for _, msg := range q.GetBroadcasts(r.IntN(4), r.IntN(400)) {
				fmt.Print(" ", ids[&msg[0]])
			}
		case p < 98:
			q.Prune(1 + r.IntN(100))
		default:
			nodes = 1 + r.IntN(2000)
		}
		fmt.Println(" queued", q.NumQueued())
	}
	q.Reset()
	fmt.Println(" queued", q.NumQueued())
}
