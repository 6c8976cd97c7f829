package swim

import (
	"hash/maphash"
	"net/netip"
	"strings"

	"github.com/musterhq/muster/wire"
)

// memberID is a member's place in the table. It is reused after the member
// has been forgotten.
type memberID uint32

// selfID is the local member's; it stands outside the ring.
const selfID memberID = 0

// tableMax bounds the table, as memberlist bounds the members of a push/pull.
const tableMax = 1 << 20

// profile is what seldom differs between members, so that those without
// metadata and of one version share a single one.
type profile struct {
	meta      []byte
	versions  wire.Versions
	leaving   bool
	metaID    uint64
	namespace string
	alias     string
}

// member is one row: 64 bytes, since there are as many as the cluster is large.
type member struct {
	name  string
	ip    [16]byte
	prof  *profile
	id    uint64 // of the process, 0 if unknown
	inc   uint32
	pos   uint32 // in the ring
	since coarse // of the state
	port  uint16
	state wire.State
	caps  wire.Caps
}

func (m *member) addr() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom16(m.ip).Unmap(), m.port)
}

func (m *member) setAddr(a netip.Addr, port uint16) { m.ip, m.port = a.As16(), port }

// live says whether the member counts as present: alive or suspect.
func (m *member) live() bool { return m.state <= wire.StateSuspect }

// table holds the members. Rows live in pages, so that growing copies nothing
// and pointers stay; names are found through an index of row numbers; and the
// ring is a permutation of all members but self with the live ones in front,
// so that picking a peer costs the same whatever the others' states.
type table struct {
	pages [][]member
	used  int // rows ever handed out
	free  []memberID
	count int

	seed  maphash.Seed // hides the index's order from attackers; never shows outside
	index []uint32     // open addressing, row+1, 0 is empty

	ring   []memberID
	live   int // ring[:live] are alive or suspect
	states [4]int

	plain *profile // the last profile without metadata
}

// A page of 1024 rows is 7 pages of memory, without waste.
const pageBits = 10

func newTable() *table {
	return &table{seed: maphash.MakeSeed(), index: make([]uint32, 16)}
}

func (t *table) at(id memberID) *member {
	return &t.pages[id>>pageBits][id&(1<<pageBits-1)]
}

// find returns the member of that name, or false.
func (t *table) find(name string) (memberID, bool) {
	for h, mask := t.home(name); t.index[h] != 0; h = (h + 1) & mask {
		if id := memberID(t.index[h] - 1); t.at(id).name == name {
			return id, true
		}
	}
	return 0, false
}

// insert adds a member in state dead; the name is copied. Pointers from at are
// stale after it.
func (t *table) insert(name string) memberID {
	id := t.row()
	*t.at(id) = member{name: strings.Clone(name), state: wire.StateDead}
	t.count++
	t.states[wire.StateDead]++
	if 4*t.count > 3*len(t.index) {
		t.grow()
	}
	t.place(id)
	if id != selfID {
		t.at(id).pos = uint32(len(t.ring))
		t.ring = appendTight(t.ring, id)
	}
	return id
}

// appendTight appends with an eighth of headroom rather than append's quarter
// or more: there are as many elements as members.
func appendTight(s []memberID, id memberID) []memberID {
	if len(s) == cap(s) {
		s = append(make([]memberID, 0, len(s)+len(s)/8+16), s...)
	}
	return append(s, id)
}

// row hands out an unused row, in a new page if need be. The first page grows
// by doubling: a small cluster needs no full one.
func (t *table) row() memberID {
	if n := len(t.free); n > 0 {
		id := t.free[n-1]
		t.free = t.free[:n-1]
		return id
	}
	const full = 1 << pageBits
	id := memberID(t.used)
	page, slot := t.used>>pageBits, t.used&(full-1)
	switch {
	case page == len(t.pages) && page == 0:
		t.pages = append(t.pages, make([]member, 16))
	case page == len(t.pages):
		t.pages = append(t.pages, make([]member, full))
	case slot == len(t.pages[page]):
		grown := make([]member, 2*slot)
		copy(grown, t.pages[page])
		t.pages[page] = grown
	}
	t.used++
	return id
}

func (t *table) home(name string) (slot, mask uint64) {
	mask = uint64(len(t.index) - 1)
	return maphash.String(t.seed, name) & mask, mask
}

func (t *table) place(id memberID) {
	h, mask := t.home(t.at(id).name)
	for t.index[h] != 0 {
		h = (h + 1) & mask
	}
	t.index[h] = uint32(id) + 1
}

func (t *table) grow() {
	old := t.index
	t.index = make([]uint32, 2*len(old))
	for _, e := range old {
		if e != 0 {
			t.place(memberID(e - 1))
		}
	}
}

// remove forgets a member that is not live.
func (t *table) remove(id memberID) {
	t.unindex(id)
	m := t.at(id)
	last := t.ring[len(t.ring)-1]
	t.ring[m.pos] = last
	t.at(last).pos = m.pos
	t.ring = t.ring[:len(t.ring)-1]
	t.states[m.state]--
	*m = member{}
	t.count--
	t.free = append(t.free, id)
}

// unindex deletes a name by shifting back the entries that probed past it.
func (t *table) unindex(id memberID) {
	h, mask := t.home(t.at(id).name)
	for t.index[h] != uint32(id)+1 {
		h = (h + 1) & mask
	}
	for next := (h + 1) & mask; t.index[next] != 0; next = (next + 1) & mask {
		home, _ := t.home(t.at(memberID(t.index[next] - 1)).name)
		if (next-home)&mask >= (next-h)&mask {
			t.index[h] = t.index[next]
			h = next
		}
	}
	t.index[h] = 0
}

// setState moves the member to its side of the ring.
func (t *table) setState(id memberID, s wire.State, now instant) {
	m := t.at(id)
	was := m.live()
	t.states[m.state]--
	t.states[s]++
	m.state, m.since = s, now.coarse()
	if id == selfID || was == m.live() {
		return
	}
	if m.live() {
		t.swap(int(m.pos), t.live)
		t.live++
	} else {
		t.live--
		t.swap(int(m.pos), t.live)
	}
}

func (t *table) swap(i, j int) {
	a, b := t.ring[i], t.ring[j]
	t.ring[i], t.ring[j] = b, a
	t.at(b).pos, t.at(a).pos = uint32(i), uint32(j)
}

// setProfile stores metadata (copied), versions and what the member says of
// itself, sharing what is common.
func (t *table) setProfile(m *member, meta []byte, v wire.Versions, about wire.About) {
	if m.id = about.ID; m.prof != nil && m.prof.is(meta, v, about) {
		return
	}
	if t.plain != nil && t.plain.is(meta, v, about) {
		m.prof = t.plain
		return
	}
	p := &profile{
		meta: append([]byte(nil), meta...), versions: v,
		leaving: about.Leaving, metaID: about.MetaID, namespace: strings.Clone(about.Namespace), alias: strings.Clone(about.Alias),
	}
	if m.prof = p; len(meta) == 0 && about.Alias == "" && about.MetaID == 0 && !about.Leaving {
		t.plain = p
	}
}

func (p *profile) is(meta []byte, v wire.Versions, about wire.About) bool {
	return p.versions == v && string(p.meta) == string(meta) && p.leaving == about.Leaving && p.metaID == about.MetaID &&
		p.namespace == about.Namespace && p.alias == about.Alias
}

// about is what travels of the member beside memberlist's fields.
func (m *member) about() wire.About {
	return wire.About{ID: m.id, Namespace: m.prof.namespace, Alias: m.prof.alias, Leaving: m.prof.leaving, MetaID: m.prof.metaID}
}

// each calls f for every member, in row order.
func (t *table) each(f func(id memberID, m *member) bool) {
	for id := memberID(0); int(id) < t.used; id++ {
		if m := t.at(id); m.name != "" && !f(id, m) {
			return
		}
	}
}
