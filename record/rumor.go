package record

import "slices"

// rumor is news about an owner that is being gossiped: a stretch of versions of
// its map or of entries of its log. What it stands for is read from the copy
// when a packet is filled, so a rumor takes no memory worth speaking of.
type rumor struct {
	m        *member
	log      bool
	dead     bool
	gen      uint64
	from, to uint64 // a mere hint if equal
	sent     int    // to how many peers
	born     instant
}

// queue holds the rumors that wait, in the order in which they were made.
type queue struct{ all []*rumor }

// drop takes a rumor out. It leaves the queue when that is next looked at.
func (r *rumor) drop() {
	r.dead = true
	r.m.rumors = slices.DeleteFunc(r.m.rumors, func(o *rumor) bool { return o == r })
}

// dropRumors takes out all that is said about an owner.
func (m *member) dropRumors() {
	for _, r := range m.rumors {
		r.dead = true
	}
	m.rumors = nil
}

// clear lets go of all rumors: there is nobody to tell.
func (q *queue) clear() {
	for _, r := range q.all {
		r.m.dropRumors()
	}
	q.all = nil
}

// each yields the rumors that are to be sent: the least sent first and, among
// those, the newest. What has been sent often enough leaves the queue, and so
// does what has been sent at all and is older than stale: where more is going
// round than packets can carry, everybody has heard of it by then.
func (q *queue) each(limit int, stale instant, yield func(*rumor) bool) {
	tiers := make([]bool, limit)
	q.all = slices.DeleteFunc(q.all, func(r *rumor) bool {
		if !r.dead && (r.sent >= limit || r.sent > 0 && r.born < stale) {
			r.drop()
		}
		if r.dead {
			return true
		}
		tiers[r.sent] = true
		return false
	})
	if len(q.all) == 0 {
		q.all = nil
	}
	for sent, some := range tiers {
		for i := len(q.all) - 1; some && i >= 0; i-- {
			switch r := q.all[i]; {
			case r.sent != sent || r.dead:
			case !r.stands():
				r.drop()
			case !yield(r):
				return
			}
		}
	}
}

// stands reports whether a rumor still makes sense, and cuts off what is no
// longer here.
func (r *rumor) stands() bool {
	if !r.log {
		return r.gen == r.m.cur.gen && r.to <= r.m.cur.at
	}
	w := &r.m.log
	r.from = max(r.from, w.base)
	return r.gen == w.gen && r.from < r.to && r.to <= w.end()
}

// rumorsMax bounds the rumors of one kind about one owner.
const rumorsMax = 8

// rumor has news gossiped: what has come after from and goes up to to. What
// follows on news that has not been sent yet becomes one with it.
func (c *Core) rumor(m *member, log bool, from, to uint64) {
	if len(c.ups) == 0 {
		return // whoever comes up next is told all there is
	}
	c.wantGossip()
	r := &rumor{m: m, log: log, gen: m.cur.gen, from: from, to: to, born: c.now}
	if log {
		r.gen = m.log.gen
	}
	var same [rumorsMax]*rumor
	n := 0
	for _, o := range m.rumors {
		if o.log == log && o.gen == r.gen && n < rumorsMax {
			same[n] = o
			n++
		}
	}
	if n > 0 {
		if last := same[n-1]; last.sent == 0 && (last.to == from || from == to) {
			last.to = max(last.to, to)
			return
		}
	}
	if n == rumorsMax { // the two oldest become one
		same[1].from = same[0].from
		same[0].drop()
	}
	m.rumors = append(m.rumors, r)
	c.queue.all = append(c.queue.all, r)
}

// transmitLimit is how many peers a rumor is sent to, as in package swim:
// RetransmitMult*ceil(log10(n+1)), and in a small cluster everybody.
func (c *Core) transmitLimit() int {
	digits := 1
	for n := len(c.ups) + 1; n >= 10; n /= 10 {
		digits++
	}
	return max(c.cfg.RetransmitMult*digits, min(len(c.ups), 8))
}
