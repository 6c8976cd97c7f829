package wire

import (
	"encoding/binary"
	"fmt"
)

// SyncKind tells what a TypeSync message is. The first three are requests,
// each of which says all that its answer depends on; the others are answers.
type SyncKind byte

// The kinds. Each consists of the fields named here, in this order: numbers
// are uvarints, salt and root are 8 bytes big-endian, a scope is its length
// and its bytes, and what is called the rest has no length of its own.
const (
	SyncRoot    SyncKind = 1 // salt, scope, count, root, to: is your set mine? else symbols [0, to)
	SyncMore    SyncKind = 2 // salt, scope, from, to: these symbols of your set
	SyncDiff    SyncKind = 3 // salt, scope, all, number of hashes, hashes, the rest states: mine, and I want those
	SyncEqual   SyncKind = 4 // nothing: the sets are the same
	SyncSymbols SyncKind = 5 // root, count, from, the rest symbols
	SyncStates  SyncKind = 6 // the rest states
)

// Sync is a message of the reconciliation of members between muster peers. A
// kind uses the fields that its constant lists.
type Sync struct {
	Kind  SyncKind
	Salt  uint64 // keys the hashes of this exchange; its initiator draws it
	Scope string // namespace of the initiator
	Count int    // size of the sender's set
	Root  uint64 // sum of the sender's hashes
	From  int    // first symbol
	To    int    // behind the last symbol
	All   bool   // whatever States does not have is wanted

	Wanted  []byte // hashes, HashSize bytes each, big-endian
	Symbols []byte // coded symbols, SymbolSize bytes each
	States  []byte // what AppendSyncState wrote, one after the other
}

// Sizes of what a Sync carries, and its bounds.
const (
	HashSize   = 8
	SymbolSize = 12
	// MaxSymbols is more than two tables of MaxNodes that have nothing in
	// common would need.
	MaxSymbols = 1 << 22
)

// Append writes the framed message.
func (m *Sync) Append(b []byte) []byte {
	start := len(b)
	b = append(BeginFramed(b, TypeSync), byte(m.Kind))
	switch m.Kind {
	case SyncRoot:
		b = m.appendHead(b)
		b = binary.AppendUvarint(b, uint64(m.Count))
		b = binary.BigEndian.AppendUint64(b, m.Root)
		b = binary.AppendUvarint(b, uint64(m.To))
	case SyncMore:
		b = m.appendHead(b)
		b = binary.AppendUvarint(b, uint64(m.From))
		b = binary.AppendUvarint(b, uint64(m.To))
	case SyncDiff:
		all := byte(0)
		if m.All {
			all = 1
		}
		b = append(m.appendHead(b), all)
		b = binary.AppendUvarint(b, uint64(len(m.Wanted)/HashSize))
		b = append(append(b, m.Wanted...), m.States...)
	case SyncSymbols:
		b = binary.BigEndian.AppendUint64(b, m.Root)
		b = binary.AppendUvarint(b, uint64(m.Count))
		b = binary.AppendUvarint(b, uint64(m.From))
		b = append(b, m.Symbols...)
	case SyncStates:
		b = append(b, m.States...)
	}
	return EndFramed(b, start)
}

func (m *Sync) appendHead(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Salt)
	b = binary.AppendUvarint(b, uint64(len(m.Scope)))
	return append(b, m.Scope...)
}

// Decode reads a whole message, type byte and length included, down to the
// last of its states. Everything shares memory with msg.
func (m *Sync) Decode(msg []byte) error {
	*m = Sync{}
	body, ok := FramedBody(msg)
	if !ok || Type(msg[0]) != TypeSync {
		return fmt.Errorf("sync: %w", ErrTruncated)
	}
	r := reader{b: body}
	m.Kind = SyncKind(r.next())
	switch m.Kind {
	case SyncRoot:
		m.head(&r)
		m.Count, m.Root, m.To = r.count(MaxNodes), r.big(8), r.count(MaxSymbols)
	case SyncMore:
		m.head(&r)
		m.From, m.To = r.count(MaxSymbols), r.count(MaxSymbols)
	case SyncDiff:
		m.head(&r)
		m.All = r.next() != 0
		m.Wanted = r.take(uint64(r.count(MaxNodes)) * HashSize)
		m.States = r.syncStates()
	case SyncSymbols:
		m.Root, m.Count, m.From = r.big(8), r.count(MaxNodes), r.count(MaxSymbols)
		m.Symbols = r.rest()
		if len(m.Symbols)%SymbolSize != 0 {
			r.fail(ErrTruncated)
		}
	case SyncStates:
		m.States = r.syncStates()
	case SyncEqual:
	default:
		r.fail(ErrMalformed)
	}
	if m.From > m.To && m.Kind == SyncMore || r.i != len(body) {
		r.fail(ErrMalformed)
	}
	return r.end("sync")
}

func (m *Sync) head(r *reader) {
	m.Salt = r.big(8)
	m.Scope = aliasString(r.take(uint64(r.count(MaxNamespace))))
}

// count reads a uvarint of at most limit.
func (r *reader) count(limit int) int { return int(r.uvarint(uint64(limit))) }

// uvarint reads a number of at most limit.
func (r *reader) uvarint(limit uint64) uint64 {
	v, n := binary.Uvarint(r.b[r.i:])
	switch {
	case n == 0:
		r.fail(ErrTruncated)
		return 0
	case n < 0 || v > limit:
		r.fail(ErrRange)
		return 0
	}
	r.i += n
	return v
}

// rest returns what has not been read yet.
func (r *reader) rest() []byte { return r.take(uint64(len(r.b) - r.i)) }
