package record

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/musterhq/muster/internal/sketch"
)

// Serve answers a request that came over a stream, a framed message of type
// TypeRecordStream. There may be several per stream. The request is not kept.
// After ErrMalformed the stream is to be closed.
func (c *Core) Serve(now time.Time, from netip.AddrPort, request []byte) (reply []byte, err error) {
	c.advance(now)
	kind, d, ok := openFramed(request)
	sender := d.name()
	if !ok || d.bad {
		return nil, c.malformed(from)
	}
	switch kind {
	case requestRoot:
		reply, ok = c.serveRoot(d)
	case requestSymbols:
		reply, ok = c.serveSymbols(d)
	case requestAll:
		reply = c.digests(c.comparable(nil))
	case requestDiff:
		reply, ok = c.serveDiff(c.find(sender), d)
	case requestPull:
		reply, ok = c.servePull(d)
	default:
		ok = false
	}
	if !ok {
		return nil, c.malformed(from)
	}
	c.stats.Served++
	c.stats.BytesServed += uint64(len(reply))
	return reply, nil
}

// firstSymbols is how many coded symbols a comparison begins with: enough for
// about ten differences.
const firstSymbols = 16

func (c *Core) serveRoot(d decoder) ([]byte, bool) {
	salt, count, sum := d.uint64(), d.uvarint(), d.uint64()
	if d.bad || len(d.b) > 0 {
		return nil, false
	}
	owners := c.comparable(nil)
	elements := c.elements(salt, owners)
	own := uint64(len(elements))
	switch {
	case own == count && total(elements) == sum:
		return framed(reply(replyEqual)), true
	case own > 4*count || count > 4*own:
		// Nearly all of the larger set is missing from the smaller one: symbols
		// would cost more than they save.
		return c.digests(owners), true
	}
	return symbols(elements, 0, firstSymbols), true
}

func (c *Core) serveSymbols(d decoder) ([]byte, bool) {
	salt, from, to := d.uint64(), d.uvarint(), d.uvarint()
	elements := c.elements(salt, c.comparable(nil))
	if d.bad || len(d.b) > 0 || to <= from {
		return nil, false
	}
	if to > symbolsMax(len(elements)) { // the set has shrunk meanwhile
		return c.digests(c.comparable(nil)), true
	}
	return symbols(elements, int(from), int(to)), true
}

// symbolsMax is more than anybody asks of a set of n: see comparison.
func symbolsMax(n int) uint64 { return 4*firstSymbols + 8*uint64(n) }

func symbols(elements []uint64, from, to int) []byte {
	b := binary.AppendUvarint(reply(replySymbols), uint64(len(elements)))
	b = binary.AppendUvarint(b, uint64(from))
	return framed(sketch.Append(b, sketch.Symbols(elements, from, to)...))
}

// digests is a reply that tells how far the copies of some owners are.
func (c *Core) digests(owners []*member) []byte {
	b := reply(replyDigests)
	for _, m := range owners {
		g := m.digest()
		b = g.append(b)
	}
	return framed(b)
}

// serveDiff takes in the digests that the sender has and this member has not,
// and answers with those that it asks for by their hashes.
func (c *Core) serveDiff(sender *member, d decoder) ([]byte, bool) {
	salt, n := d.uint64(), d.uvarint()
	if n > uint64(len(d.b))/8 {
		return nil, false
	}
	asked := make(map[uint64]bool, n)
	for range n {
		asked[d.uint64()] = true
	}
	if !checkDigests(d) {
		return nil, false
	}
	told := c.digestsOf(d)
	var owners []*member
	if n > 0 {
		all := c.comparable(nil)
		for i, e := range c.elements(salt, all) {
			if g, ok := told[all[i]]; asked[e] && (!ok || all[i].ahead(&g)) {
				owners = append(owners, all[i])
			}
		}
	}
	answer := c.digests(owners)
	for g := (digest{}); sender != nil && len(d.b) > 0; {
		g.decode(&d)
		if m := c.find(g.name); m != nil {
			c.hear(m, sender, &g, c.cfg.GossipInterval/4)
		}
	}
	return answer, true
}

// digestsOf reads digests of known members.
func (c *Core) digestsOf(d decoder) map[*member]digest {
	told := make(map[*member]digest)
	for g := (digest{}); len(d.b) > 0; {
		g.decode(&d)
		if m := c.find(g.name); m != nil {
			told[m] = g
		}
	}
	return told
}

func checkDigests(d decoder) bool {
	for g := (digest{}); len(d.b) > 0; {
		g.decode(&d)
	}
	return !d.bad
}

// servePull answers with the changes that the sender lacks, as many as a chunk
// takes.
func (c *Core) servePull(d decoder) ([]byte, bool) {
	b := append(reply(replyChunk), 0)
	flag := len(b) - 1
	more := false
	for p := (position{}); len(d.b) > 0; {
		if !p.decode(&d) {
			return nil, false
		}
		m := c.find(p.name)
		if m == nil || more {
			continue
		}
		b, more = c.appendMissing(b, m, &p)
	}
	if more {
		b[flag] = 1
	}
	return framed(b), true
}

// appendMissing writes what somebody at position p lacks of one owner. It
// reports whether there is more of it, or of what comes after it.
func (c *Core) appendMissing(b []byte, m *member, p *position) (out []byte, more bool) {
	if s := &m.cur; s.before(p.gen, p.at) || s.gen == p.gen && s.at == p.at {
		// Nothing here that is not there.
	} else {
		from := p.at
		if s.gen > p.gen || s.floor > p.base {
			from = 0 // it has to begin anew
		}
		room := c.cfg.ChunkSize - len(b)
		if room < chunkLeast && len(b) > chunkLeast {
			return b, true
		}
		var reached uint64
		b, c.scratch.bytes, reached = appendSegment(appendHead(b, itemMap, m.name), c.scratch.bytes, s, from, s.at, room)
		if reached < s.at {
			return b, true
		}
	}
	w := &m.log
	switch {
	case !p.log || p.logGen > w.gen:
	case p.logGen < w.gen:
		b = appendHint(b, m)
	case w.end() > p.logAt && (p.logAt >= w.base || w.floor == w.base):
		room := c.cfg.ChunkSize - len(b)
		if room < chunkLeast && len(b) > chunkLeast {
			return b, true
		}
		var reached uint64
		b, c.scratch.bytes, reached = appendStretch(appendHead(b, itemLog, m.name), c.scratch.bytes, w, max(p.logAt, w.base), w.end(), room)
		more = reached < w.end()
	}
	return b, more
}

// chunkLeast is the room below which a chunk counts as full.
const chunkLeast = 256
