package record

import (
	"encoding/binary"
)

// window is the part of an owner's log that is still here: the entries after
// base. A copy keeps what it has delivered already, to pass it on.
type window struct {
	gen     uint64
	base    uint64
	entries []logEntry
	bytes   int
	floor   uint64 // up to here the owner itself has nothing any more
	heard   uint64 // the last entry that anybody spoke of

	// known says that deliveries have begun: everything up to end was
	// delivered, or came before this member did. Until the owner has said where
	// that is, entries are kept and passed on, but not delivered.
	known           bool
	prevGen, prevAt uint64 // how far deliveries got under the owner's former generation
}

type logEntry struct {
	topic   string
	payload []byte
	at      instant
}

func (e *logEntry) size() int { return logEntryCost + len(e.topic) + len(e.payload) }

// logEntryCost is about what an entry takes besides its topic and payload.
const logEntryCost = 64

// end returns the sequence number of the last entry.
func (w *window) end() uint64 { return w.base + uint64(len(w.entries)) }

// restart begins with a new generation of the owner.
func (w *window) restart(gen uint64) {
	prevGen, prevAt := w.prevGen, w.prevAt
	if w.known {
		prevGen, prevAt = w.gen, w.end()
	}
	*w = window{gen: gen, prevGen: prevGen, prevAt: prevAt}
}

func (w *window) append(e logEntry) {
	w.entries = append(w.entries, e)
	w.bytes += e.size()
}

// trim lets go of the entries up to seq.
func (w *window) trim(seq uint64) {
	if seq <= w.base {
		return
	}
	n := min(seq, w.end()) - w.base
	for i := range w.entries[:n] {
		w.bytes -= w.entries[i].size()
		w.entries[i] = logEntry{}
	}
	w.entries = w.entries[n:]
	w.base += n
	if len(w.entries) == 0 {
		w.entries = nil
	}
}

// stretch is a run of entries of one owner's log, those after from.
type stretch struct {
	gen   uint64
	from  uint64
	floor uint64
	count uint64
	raw   []byte
}

func (g *stretch) end() uint64 { return g.from + g.count }

// decode reads a stretch and checks all of it.
func (g *stretch) decode(d *decoder) {
	g.gen = d.generation()
	g.from = d.counter()
	g.floor = d.counter()
	g.raw = d.bytes(0, uint64(len(d.b)))
	g.count = 0
	es := g.entries()
	for es.next() {
		g.count++
	}
	if es.bad || g.gen == 0 {
		d.fail()
	}
}

func (g *stretch) entries() logEntries { return logEntries{decoder: decoder{b: g.raw}} }

type logEntries struct {
	decoder
	topic, payload []byte
}

// next reads the next entry. A topic of length zero stands for the former one.
func (e *logEntries) next() bool {
	if len(e.b) == 0 {
		return false
	}
	if topic := e.bytes(0, MaxTopic); len(topic) > 0 {
		e.topic = topic
	} else if len(e.topic) == 0 {
		e.fail()
	}
	e.payload = e.bytes(0, MaxPayload)
	return !e.bad
}

// appendStretch writes the entries after from, which must not be before base,
// up to to, but stops before their bytes exceed limit, unless there is only
// one. It returns the last one written.
func appendStretch(b, scratch []byte, w *window, from, to uint64, limit int) (out, buf []byte, reached uint64) {
	raw, topic := scratch[:0], ""
	reached = from
	for i := range w.entries[from-w.base : to-w.base] {
		e := &w.entries[from-w.base+uint64(i)]
		if len(raw) > 0 && len(raw)+e.encodedSize(topic) > limit {
			break
		}
		raw = e.append(raw, topic)
		topic = e.topic
		reached++
	}
	b = appendGeneration(b, w.gen)
	b = binary.AppendUvarint(b, from)
	b = binary.AppendUvarint(b, w.floor)
	return appendBytes(b, raw), raw, reached
}

func (e *logEntry) append(b []byte, former string) []byte {
	if e.topic == former {
		b = append(b, 0)
	} else {
		b = appendName(b, e.topic)
	}
	return appendBytes(b, e.payload)
}

func (e *logEntry) encodedSize(former string) int {
	n := 1 + uvarintLen(uint64(len(e.payload))) + len(e.payload)
	if e.topic != former {
		n += 1 + len(e.topic)
	}
	return n
}

// stretchSize returns how long a stretch is, or something above limit.
func stretchSize(w *window, from, to uint64, limit int) int {
	n, topic := 8+2*binary.MaxVarintLen64/2+3, ""
	for i := from - w.base; i < to-w.base && n <= limit; i++ {
		n += w.entries[i].encodedSize(topic)
		topic = w.entries[i].topic
	}
	return n
}
