package record

import (
	"encoding/binary"

	"github.com/musterhq/muster/wire"
)

// What is asked and answered over streams. Each request stands by itself: who
// answers keeps no memory of the exchange.
const (
	requestRoot    = 1 // are our digests the same? otherwise: symbols or digests
	requestSymbols = 2 // more coded symbols
	requestAll     = 3 // all digests
	requestDiff    = 4 // here are mine that you lack, give me yours that I lack
	requestPull    = 5 // the changes after these versions

	replyEqual   = 16
	replySymbols = 17
	replyDigests = 18
	replyChunk   = 19
)

// request begins a framed message: the kind, and who asks.
func (c *Core) request(kind byte) []byte {
	b := wire.BeginFramed(make([]byte, 0, 64), wire.TypeRecordStream)
	return appendName(append(b, kind), c.cfg.Name)
}

func reply(kind byte) []byte {
	return append(wire.BeginFramed(make([]byte, 0, 64), wire.TypeRecordStream), kind)
}

func framed(b []byte) []byte { return wire.EndFramed(b, 0) }

func openFramed(msg []byte) (kind byte, d decoder, ok bool) {
	if len(msg) == 0 || wire.Type(msg[0]) != wire.TypeRecordStream {
		return 0, d, false
	}
	d.b, ok = wire.FramedBody(msg)
	kind = d.byte()
	return kind, d, ok && !d.bad
}

func openReply(msg []byte) (kind byte, d decoder, ok bool) {
	kind, d, ok = openFramed(msg)
	return kind, d, ok && kind >= replyEqual && kind <= replyChunk
}

// position is one owner in a pull: what of it is here already.
type position struct {
	name     []byte
	gen      uint64
	at, base uint64
	log      bool // the log is wanted, too, after logAt
	logGen   uint64
	logAt    uint64
}

func (p *position) append(b []byte) []byte {
	b = appendGeneration(appendBytes(b, p.name), p.gen)
	b = binary.AppendUvarint(b, p.at)
	b = binary.AppendUvarint(b, p.base-p.at)
	if !p.log {
		return append(b, 0)
	}
	b = appendGeneration(append(b, 1), p.logGen)
	return binary.AppendUvarint(b, p.logAt)
}

func (p *position) decode(d *decoder) bool {
	p.name = d.name()
	p.gen = d.generation()
	p.at = d.counter()
	p.base = d.above(p.at)
	if p.log = d.byte() != 0; p.log {
		p.logGen, p.logAt = d.generation(), d.counter()
	}
	return !d.bad
}

// pullRequest asks for what a stream's owners lack here; nil if nothing does.
func (c *Core) pullRequest(s *stream) []byte {
	b, n := c.request(requestPull), 0
	for _, m := range s.owners {
		if m.gone || m.pulling != s.id || c.satisfied(m) {
			continue
		}
		have := m.fetching()
		p := position{name: alias(m.name), gen: have.gen, at: have.at, base: have.base}
		p.log, p.logGen, p.logAt = m.log.known, m.log.gen, m.log.end()
		b = p.append(b)
		n++
	}
	if n == 0 {
		return nil
	}
	return framed(b)
}
