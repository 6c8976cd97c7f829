package swim

import "math/rand/v2"

// broadcast is one message that waits to be gossiped.
type broadcast struct {
	key  uint64 // at most one broadcast per key waits
	sent int    // how often it went to a live member
	dead bool   // replaced by a newer one of the same key
	msg  []byte // as a memberlist peer reads it
	alt  []byte // as a muster peer reads it, nil when the same
	head int    // how much of alt comes before the payload
}

// queue holds broadcasts in tiers by how often they were sent. It gives the
// least sent first and, among those, the newest: that is how memberlist orders
// them, and it lets news overtake what most members have heard already.
//
// A broadcast about a member replaces the one that waits about the same
// member, so the queue never holds more broadcasts than there are members.
type queue struct {
	tiers    [][]*broadcast
	byKey    map[uint64]*broadcast
	bytes    int
	peak     int // how many there were since it was last empty
	replaced int // dead ones that their tiers still hold
	spare    []*broadcast
	finished []*broadcast // sent often enough, still in use by the last take's caller
}

func newQueue() *queue { return &queue{byKey: make(map[uint64]*broadcast)} }

func (q *queue) len() int { return len(q.byKey) }

// add queues a broadcast and returns it, for the caller to append its message
// to msg and then call sized.
func (q *queue) add(key uint64) *broadcast {
	q.remove(key)
	if q.replaced > 2*idleKeep+len(q.byKey) {
		q.sweep()
	}
	b := &broadcast{}
	q.peak = max(q.peak, len(q.byKey)+1)
	if n := len(q.spare); n > 0 {
		b, q.spare = q.spare[n-1], q.spare[:n-1]
	}
	*b = broadcast{key: key, msg: b.msg[:0], alt: b.alt[:0]}
	q.byKey[key] = b
	q.tier(0, b)
	return b
}

func (q *queue) sized(b *broadcast) { q.bytes += b.size() }

// size counts the longer form, so that either fits.
func (b *broadcast) size() int { return max(len(b.msg), len(b.alt)) }

// trim lets go of the memory that a wave took, once the queue is empty.
func (q *queue) trim() {
	if len(q.byKey) == 0 && q.peak > idleKeep {
		q.clear()
	}
}

// clear lets go of everything, and of the memory that a wave of broadcasts took.
func (q *queue) clear() { *q = *newQueue() }

// idleKeep is the number of broadcasts whose memory an empty queue keeps.
const idleKeep = 16

func (q *queue) tier(n int, b *broadcast) {
	for len(q.tiers) <= n {
		q.tiers = append(q.tiers, nil)
	}
	q.tiers[n] = append(q.tiers[n], b)
}

// drop takes a broadcast out; its tier forgets it when it is next walked.
func (q *queue) drop(b *broadcast) {
	delete(q.byKey, b.key)
	q.bytes -= b.size()
	b.dead = true
}

// remove takes out what waits under key.
func (q *queue) remove(key uint64) {
	if b := q.byKey[key]; b != nil {
		q.drop(b)
		q.replaced++
	}
}

// sweep takes the dead out of the tiers when they are the most: under more
// changes than packets can carry no walk would ever come by them.
func (q *queue) sweep() {
	for n, tier := range q.tiers {
		kept := tier[:0]
		for _, b := range tier {
			if b.dead {
				q.recycle(b)
			} else {
				kept = append(kept, b)
			}
		}
		clear(tier[len(kept):])
		q.tiers[n] = kept
	}
	q.replaced = 0
}

// misfits bounds how many broadcasts too large for the room left are passed
// over before a walk ends: a full packet must not cost a walk of the queue.
const misfits = 16

// take appends to dst the broadcasts that fit into room bytes, at overhead
// bytes each and at most most of them, counts them as sent by times, and lets
// go of those that reached limit. It returns dst and the room left. What it
// appends is valid until the next call of add or take.
func (q *queue) take(dst []*broadcast, room, overhead, most, times, limit int) ([]*broadcast, int) {
	for _, b := range q.finished {
		q.recycle(b)
	}
	q.finished = q.finished[:0]
	start, missed := len(dst), 0
	full := func() bool { return missed == misfits || len(dst)-start >= most || room <= overhead }
	for n := 0; n < len(q.tiers) && !full(); n++ {
		tier, kept := q.tiers[n], 0
		var keep [misfits]*broadcast
		for len(tier) > 0 && !full() {
			b := tier[len(tier)-1]
			tier[len(tier)-1] = nil
			tier = tier[:len(tier)-1]
			switch size := b.size() + overhead; {
			case b.dead:
				q.replaced--
				q.recycle(b)
			case size > room:
				keep[kept] = b
				kept++
				missed++
			default:
				room -= size
				dst = append(dst, b)
			}
		}
		for ; kept > 0; kept-- {
			tier = append(tier, keep[kept-1])
		}
		q.tiers[n] = tier
	}
	q.advance(dst[start:], times, limit)
	return dst, room
}

// advance moves what was taken to its new tier, the newest last.
func (q *queue) advance(taken []*broadcast, times, limit int) {
	for i := len(taken) - 1; i >= 0; i-- {
		b := taken[i]
		if b.sent += times; b.sent < limit {
			q.tier(b.sent, b)
			continue
		}
		q.drop(b)
		q.finished = append(q.finished, b)
	}
}

// heard counts a broadcast as sent that came back from somebody who has it too,
// the feedback of Demers et al., "Epidemic algorithms for replicated database
// maintenance" (1987), section 1.4.
func (q *queue) heard(key uint64, msg func(*broadcast) bool, limit int) {
	if b := q.byKey[key]; b != nil && msg(b) {
		if b.sent++; b.sent >= limit {
			q.drop(b)
			q.replaced++
		}
	}
}

// recycle keeps a broadcast's buffers for the next one.
func (q *queue) recycle(b *broadcast) {
	if len(q.spare) < idleKeep && cap(b.msg) <= 2048 {
		q.spare = append(q.spare, b)
	}
}

// newRand returns the random stream of one purpose. Purposes do not share a
// stream, so that one more draw here does not shift what is drawn there.
func newRand(seed, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15*(purpose+1)))
}
