package record

import (
	"math/rand/v2"
	"net/netip"
	"slices"
)

// member is a member of the cluster: a peer to exchange records with, and the
// owner of some.
type member struct {
	name   string
	addr   netip.AddrPort
	up     bool
	gone   bool // forgotten: whoever still points here lets go
	upPos  int  // in Core.ups
	pos    int  // in Core.members
	downAt instant

	cur     state  // what readers see
	next    *state // what is to replace it once complete
	log     window
	rumors  []*rumor // about this owner, in the order of their versions
	want    want
	pulling uint64  // the stream that fetches this owner
	refused instant // when a copy could not grow

	ackDue, ackedAt instant
	acking          bool
	askWait         int // how often it was asked where its log begins

	reader reader
}

// fetching returns the copy that a pull goes on with: the one that is being
// made to replace the other, if there is one.
func (m *member) fetching() *state {
	if m.next != nil {
		return m.next
	}
	return &m.cur
}

func (m *member) bytes() int64 {
	n := m.cur.bytes
	if m.next != nil {
		n += m.next.bytes
	}
	return n
}

// members is everybody who is known, the local member first.
type members struct {
	byName map[string]*member
	all    []*member
	ups    []*member // peers that are up, in the order of a round of gossip
	turn   int       // in ups: those before it have had their turn
}

func (ms *members) find(name []byte) *member { return ms.byName[string(name)] }

func (ms *members) add(m *member) {
	m.pos = len(ms.all)
	ms.byName[m.name] = m
	ms.all = append(ms.all, m)
}

func (ms *members) remove(m *member) {
	last := len(ms.all) - 1
	ms.all[m.pos] = ms.all[last]
	ms.all[m.pos].pos = m.pos
	ms.all[last] = nil
	ms.all = ms.all[:last]
	delete(ms.byName, m.name)
}

func (ms *members) setUp(m *member) {
	m.up, m.upPos = true, len(ms.ups)
	ms.ups = append(ms.ups, m)
}

func (ms *members) setDown(m *member) {
	last := len(ms.ups) - 1
	ms.swap(m.upPos, last)
	ms.ups[last] = nil
	ms.ups = ms.ups[:last]
	m.up = false
}

func (ms *members) swap(i, j int) {
	ms.ups[i], ms.ups[j] = ms.ups[j], ms.ups[i]
	ms.ups[i].upPos, ms.ups[j].upPos = i, j
}

// pick appends up to k peers that are up. Everybody has a turn before anybody
// has another, in an order drawn anew for each round.
func (ms *members) pick(dst []*member, k int, r *rand.Rand) []*member {
	start := len(dst)
	for range min(k, len(ms.ups)) {
		if ms.turn >= len(ms.ups) {
			ms.turn = 0
		}
		ms.swap(ms.turn, ms.turn+r.IntN(len(ms.ups)-ms.turn))
		m := ms.ups[ms.turn]
		ms.turn++
		if !slices.Contains(dst[start:], m) {
			dst = append(dst, m)
		}
	}
	return dst
}
