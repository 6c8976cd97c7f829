package record

import (
	"encoding/binary"
	"math/bits"
)

// segment is a stretch of the changes of one owner's map: those with versions
// in (from, to], except the ones that a later change has replaced.
type segment struct {
	gen      uint64
	from, to uint64
	asOf     uint64 // the version of the state that it was taken from
	floor    uint64
	raw      []byte
}

// decode reads a segment and checks all of it.
func (g *segment) decode(d *decoder) {
	g.gen = d.generation()
	g.from = d.counter()
	g.to = d.above(g.from)
	g.asOf = d.above(g.to)
	g.floor = d.counter()
	g.raw = d.bytes(0, uint64(len(d.b)))
	if g.floor > g.asOf || g.gen == 0 {
		d.fail()
	}
	es := g.entries()
	for es.next() {
	}
	if es.bad || es.version > g.to {
		d.fail()
	}
}

// entries walks the changes of a segment.
func (g *segment) entries() entries { return entries{decoder: decoder{b: g.raw}, version: g.from} }

type entries struct {
	decoder
	version    uint64
	key, value []byte // where the message is
	dead       bool
}

// next reads the next entry.
func (e *entries) next() bool {
	if len(e.b) == 0 {
		return false
	}
	version := e.above(e.version)
	head := e.uvarint()
	n := head >> 1
	if version == e.version || n < 1 || n > MaxKey {
		e.fail()
	}
	e.key, e.value, e.dead = e.take(n), nil, head&1 != 0
	if !e.dead {
		e.value = e.bytes(0, MaxValue)
	}
	e.version = version
	return !e.bad
}

// entry returns the entry in memory of its own.
func (e *entries) entry() entry {
	data := make([]byte, len(e.key)+len(e.value))
	copy(data[copy(data, e.key):], e.value)
	return entry{version: e.version, data: data, klen: uint16(len(e.key)), dead: e.dead}
}

// appendSegment writes the changes of a copy after from and up to to, but stops
// before their bytes exceed limit, unless there is only one. It returns the
// version up to which they reach.
func appendSegment(b, scratch []byte, s *state, from, to uint64, limit int) (out, buf []byte, reached uint64) {
	raw := scratch[:0]
	last, reached := from, to
	for _, e := range s.after(from) {
		if e.version > to {
			break
		}
		if e.data == nil {
			continue
		}
		if len(raw) > 0 && len(raw)+entrySize(&e, last) > limit {
			reached = last
			break
		}
		raw = appendEntry(raw, &e, last)
		last = e.version
	}
	b = appendGeneration(b, s.gen)
	b = binary.AppendUvarint(b, from)
	b = binary.AppendUvarint(b, reached-from)
	b = binary.AppendUvarint(b, s.base-reached)
	b = binary.AppendUvarint(b, s.floor)
	return appendBytes(b, raw), raw, reached
}

func appendEntry(b []byte, e *entry, last uint64) []byte {
	b = binary.AppendUvarint(b, e.version-last)
	head := uint64(e.klen) << 1
	if e.dead {
		b = binary.AppendUvarint(b, head|1)
		return append(b, e.key()...)
	}
	b = binary.AppendUvarint(b, head)
	b = append(b, e.key()...)
	return appendBytes(b, e.value())
}

func entrySize(e *entry, last uint64) int {
	n := uvarintLen(e.version-last) + uvarintLen(uint64(e.klen)<<1) + len(e.data)
	if !e.dead {
		n += uvarintLen(uint64(len(e.data) - int(e.klen)))
	}
	return n
}

// segmentSize returns how long a segment is, or something above limit if it is
// longer than that.
func segmentSize(s *state, from, to uint64, limit int) int {
	n, last := 8+4*binary.MaxVarintLen64/2+3, from
	for _, e := range s.after(from) {
		if e.version > to || n > limit {
			break
		}
		if e.data != nil {
			n += entrySize(&e, last)
			last = e.version
		}
	}
	return n
}

func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }
