package record

import (
	"encoding/binary"
	"time"

	"github.com/musterhq/muster/internal/sketch"
)

// comparison finds out, with one peer, which owners' copies differ. Equal ones
// cost a digest of all; otherwise coded symbols name the owners that differ,
// about 1.4 symbols of 12 bytes each, however many there are in all.
type comparison struct {
	salt     uint64
	owners   []*member
	elements []uint64 // of the owners
	decoder  *sketch.Decoder
	told     bool // the peer was told what it lacks: the end is near
}

// recentlyDown is how many SyncIntervals the records of a member that went down
// are still compared. Later on members forget it, each at a time of its own.
const recentlyDown = 3

// comparable appends the owners whose copies are compared.
func (c *Core) comparable(dst []*member) []*member {
	for _, m := range c.all {
		recent := m.up || m == c.self || c.now < m.downAt.add(recentlyDown*max(c.cfg.SyncInterval, time.Second))
		if recent && (m.cur.gen > 0 || m.log.gen > 0) {
			dst = append(dst, m)
		}
	}
	return dst
}

// elements hashes how far each copy is.
func (c *Core) elements(salt uint64, owners []*member) []uint64 {
	elements := make([]uint64, len(owners))
	for i, m := range owners {
		elements[i] = m.element(salt)
	}
	return elements
}

func (m *member) element(salt uint64) uint64 {
	var b [40]byte
	for i, v := range [...]uint64{m.cur.gen, m.cur.at, m.cur.floor, m.log.gen, m.log.end()} {
		binary.BigEndian.PutUint64(b[8*i:], v)
	}
	return sketch.Hash(salt, alias(m.name), b[:])
}

func total(elements []uint64) (sum uint64) {
	for _, e := range elements {
		sum += e
	}
	return sum
}

// startSync begins to compare digests with one peer: with one that has just
// come up, or a random one.
func (c *Core) startSync() {
	c.nextSync = c.now.add(c.jitter(c.cfg.SyncInterval))
	peer := c.syncWith
	c.syncWith = nil
	if len(c.ups) == 0 || len(c.streams) > c.cfg.PullsMax || c.comparing() {
		return
	}
	if peer == nil || !peer.up {
		peer = c.ups[c.rand.sync.IntN(len(c.ups))]
	}
	owners := c.comparable(nil)
	s := &comparison{salt: c.rand.sync.Uint64(), owners: owners}
	s.elements = c.elements(s.salt, owners)
	c.stats.Syncs++
	b := binary.BigEndian.AppendUint64(c.request(requestRoot), s.salt)
	b = binary.AppendUvarint(b, uint64(len(owners)))
	b = framed(binary.BigEndian.AppendUint64(b, total(s.elements)))
	c.stats.SyncBytes += uint64(len(b))
	c.open(&stream{peer: peer, compare: s}, b)
}

func (c *Core) comparing() bool {
	for _, s := range c.streams {
		if s.compare != nil {
			return true
		}
	}
	return false
}

// compared takes in one reply of a comparison. Without a next request it is over.
func (c *Core) compared(s *stream, kind byte, d decoder) (next []byte, err error) {
	q := s.compare
	switch {
	case kind == replyEqual && !q.told:
		c.stats.SyncsEqual++
	case kind == replySymbols && !q.told:
		return c.comparedSymbols(s, d)
	case kind == replyDigests:
		if !checkDigests(d) {
			return nil, c.malformed(s.peer.addr)
		}
		mine := c.comparedDigests(s, d)
		if !q.told && len(mine) > 0 {
			q.told = true
			return c.tell(q, nil, mine), nil
		}
	default:
		return nil, c.malformed(s.peer.addr)
	}
	s.compare = nil
	return nil, nil
}

// comparedSymbols takes in coded symbols of the peer's set and asks for what
// they were found to differ in, or for half as many again.
func (c *Core) comparedSymbols(s *stream, d decoder) ([]byte, error) {
	q := s.compare
	count, from := d.uvarint(), d.uvarint()
	symbols, err := sketch.Parse(d.b)
	if q.decoder == nil {
		q.decoder = sketch.NewDecoder(q.elements)
	}
	n := q.decoder.Len()
	if d.bad || err != nil || len(symbols) == 0 || from != uint64(n) || len(symbols) > max(n, firstSymbols) {
		return nil, c.malformed(s.peer.addr)
	}
	q.decoder.Add(symbols...)
	n = q.decoder.Len()
	switch {
	case q.decoder.Done():
		hashes, local := q.decoder.Diff()
		q.told = true
		return c.tell(q, hashes, q.named(local)), nil
	case uint64(n)*sketch.Size > digestLen*min(count, 1<<32):
		return framed(c.request(requestAll)), nil // which cannot cost more than going on
	}
	b := binary.BigEndian.AppendUint64(c.request(requestSymbols), q.salt)
	b = binary.AppendUvarint(b, uint64(n))
	return framed(binary.AppendUvarint(b, uint64(n+n/2))), nil
}

// digestLen is the length of a digest, about.
const digestLen = 24

// named returns the owners of some elements.
func (q *comparison) named(elements []uint64) []*member {
	in := make(map[uint64]bool, len(elements))
	for _, e := range elements {
		in[e] = true
	}
	var owners []*member
	for i, e := range q.elements {
		if in[e] {
			owners = append(owners, q.owners[i])
		}
	}
	return owners
}

// tell sends the digests of owners whose copies the peer has not got like
// this, and asks for those of the peer's that hash to what is not here.
func (c *Core) tell(q *comparison, hashes []uint64, owners []*member) []byte {
	b := binary.BigEndian.AppendUint64(c.request(requestDiff), q.salt)
	b = binary.AppendUvarint(b, uint64(len(hashes)))
	for _, h := range hashes {
		b = binary.BigEndian.AppendUint64(b, h)
	}
	for _, m := range owners {
		if !m.gone {
			g := m.digest()
			b = g.append(b)
		}
	}
	return framed(b)
}

// ahead reports whether a copy is further than a digest says in any respect.
func (m *member) ahead(g *digest) bool {
	s, w := &m.cur, &m.log
	return g.gen < s.gen || g.gen == s.gen && (g.version < s.at || g.floor < s.floor) ||
		g.logGen < w.gen || g.logGen == w.gen && g.logEnd < w.end()
}

// comparedDigests wants what is newer at the peer. Unless the peer knows
// already, it returns the owners whose copies are not the same there.
func (c *Core) comparedDigests(s *stream, d decoder) (mine []*member) {
	q := s.compare
	nothing := make(map[*member]bool) // to tell of them
	for g := (digest{}); len(d.b) > 0; {
		g.decode(&d)
		m := c.find(g.name)
		if m == nil {
			continue
		}
		c.hear(m, s.peer, &g, 0)
		nothing[m] = !m.ahead(&g)
	}
	if q.told {
		return nil
	}
	for _, m := range q.owners {
		if !nothing[m] && !m.gone {
			mine = append(mine, m)
		}
	}
	return mine
}
