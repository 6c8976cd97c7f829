package record

import (
	"encoding/binary"

	"github.com/musterhq/muster/wire"
)

// What packets, and replies to pulls, are made of.
const (
	itemHint  = 1 // an owner's version: there is more than what is sent
	itemMap   = 2 // a segment of an owner's map
	itemLog   = 3 // a stretch of an owner's log
	itemAck   = 4 // how far the sender has got with the receiver's log
	itemAsk   = 5 // where does the receiver's log begin for the sender?
	itemStart = 6 // there
	itemProd  = 7 // how far has the receiver got with the sender's log?
)

// digest says how far somebody's copy of an owner's records is.
type digest struct {
	name    []byte
	gen     uint64
	version uint64
	floor   uint64
	logGen  uint64
	logEnd  uint64
}

// item is one decoded item. Which fields are set depends on the kind.
type item struct {
	kind    byte
	name    []byte // the owner, of a hint, a segment, a stretch
	hint    digest
	segment segment
	stretch stretch

	gen     uint64 // the generation of the log that is spoken of
	peerGen uint64 // the sender's own generation
	at      uint64
	prevGen uint64
	floor   uint64
}

// next reads the next item; it reports whether there is one and it is whole.
func (d *decoder) next(it *item) bool {
	if len(d.b) == 0 {
		return false
	}
	it.kind = d.byte()
	switch it.kind {
	case itemHint:
		it.hint.decode(d)
		it.name = it.hint.name
	case itemMap:
		it.name = d.name()
		it.segment.decode(d)
	case itemLog:
		it.name = d.name()
		it.stretch.decode(d)
	case itemAck:
		it.gen, it.peerGen, it.at = d.generation(), d.generation(), d.counter()
	case itemAsk:
		it.gen, it.peerGen = d.generation(), d.generation()
		it.prevGen, it.at = d.generation(), d.counter()
	case itemStart:
		it.gen, it.at = d.generation(), d.counter()
	case itemProd:
		it.gen, it.at, it.floor = d.generation(), d.counter(), d.counter()
	default:
		d.fail()
	}
	return !d.bad
}

// checkItems reports whether d is a sequence of whole items.
func checkItems(d decoder) bool {
	var it item
	for d.next(&it) {
	}
	return !d.bad
}

func appendHead(b []byte, kind byte, owner string) []byte { return appendName(append(b, kind), owner) }

// decode reads a digest. The log's generation is that of the map but while a
// new one is on its way.
func (g *digest) decode(d *decoder) {
	g.name = d.name()
	g.gen = d.generation()
	g.version = d.counter()
	g.floor = d.counter()
	g.logGen, g.logEnd = g.gen, d.counter()
	if g.logEnd&1 != 0 {
		g.logGen = d.generation()
	}
	g.logEnd >>= 1
}

func (g *digest) append(b []byte) []byte {
	b = appendBytes(b, g.name)
	b = appendGeneration(b, g.gen)
	b = binary.AppendUvarint(b, g.version)
	b = binary.AppendUvarint(b, g.floor)
	if g.logGen == g.gen {
		return binary.AppendUvarint(b, g.logEnd<<1)
	}
	b = binary.AppendUvarint(b, g.logEnd<<1|1)
	return appendGeneration(b, g.logGen)
}

func (m *member) digest() digest {
	return digest{name: alias(m.name), gen: m.cur.gen, version: m.cur.at, floor: m.cur.floor, logGen: m.log.gen, logEnd: m.log.end()}
}

func appendHint(b []byte, m *member) []byte {
	d := m.digest()
	return d.append(append(b, itemHint))
}

func appendAck(b []byte, gen, peerGen, at uint64) []byte {
	b = appendGeneration(append(b, itemAck), gen)
	return binary.AppendUvarint(appendGeneration(b, peerGen), at)
}

func appendAsk(b []byte, w *window, peerGen uint64) []byte {
	b = appendGeneration(append(b, itemAsk), w.gen)
	b = appendGeneration(appendGeneration(b, peerGen), w.prevGen)
	return binary.AppendUvarint(b, w.prevAt)
}

func appendStart(b []byte, gen, at uint64) []byte {
	return binary.AppendUvarint(appendGeneration(append(b, itemStart), gen), at)
}

func appendProd(b []byte, w *window) []byte {
	b = appendGeneration(append(b, itemProd), w.gen)
	return binary.AppendUvarint(binary.AppendUvarint(b, w.end()), w.floor)
}

// packet begins a packet: its type, and who sends it, since an address does
// not say.
func (c *Core) packet() []byte {
	b := make([]byte, 0, c.cfg.PacketSize)
	return appendName(append(b, byte(wire.TypeRecord)), c.cfg.Name)
}

func (c *Core) send(to *member, b []byte) {
	c.stats.PacketsOut++
	c.ready.Packets = append(c.ready.Packets, Packet{To: to.addr, Name: to.name, Data: b})
}
