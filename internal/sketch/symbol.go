package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Symbol is one coded symbol: the exclusive or of the elements mapped to it,
// and that of their checks. Subtracting one side's from the other's leaves
// what only one of them has.
type Symbol struct {
	Sum   uint64
	Check uint32
}

// Size is the length of an encoded symbol.
const Size = 12

// ErrSize is returned for bytes that are no whole number of symbols.
var ErrSize = errors.New("not a whole number of coded symbols")

// Append writes the symbol to b.
func (s Symbol) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, s.Sum)
	return binary.BigEndian.AppendUint32(b, s.Check)
}

// Append writes symbols to b.
func Append(b []byte, symbols ...Symbol) []byte {
	for _, s := range symbols {
		b = s.Append(b)
	}
	return b
}

// Parse reads the symbols that b consists of.
func Parse(b []byte) ([]Symbol, error) {
	if len(b)%Size != 0 {
		return nil, fmt.Errorf("%d bytes: %w", len(b), ErrSize)
	}
	symbols := make([]Symbol, len(b)/Size)
	for i := range symbols {
		at := b[i*Size:]
		symbols[i] = Symbol{Sum: binary.BigEndian.Uint64(at), Check: binary.BigEndian.Uint32(at[8:])}
	}
	return symbols, nil
}

// Symbols returns the coded symbols [from, to) of a set of distinct elements.
// It takes time in proportion to the elements, hardly to the symbols.
func Symbols(elements []uint64, from, to int) []Symbol {
	if from < 0 || to <= from {
		return nil
	}
	symbols := make([]Symbol, to-from)
	for _, e := range elements {
		p := places(e)
		for p.at < uint64(from) {
			p.next()
		}
		p.fill(e, symbols, from)
	}
	return symbols
}

// fill adds an element to the symbols from the from-th on, and leaves p at the
// first place after them.
func (p *placed) fill(e uint64, symbols []Symbol, from int) {
	first, end := uint64(from), uint64(from+len(symbols))
	c := check(e)
	for ; p.at < end; p.next() {
		symbols[p.at-first].flip(e, c)
	}
}

// flip adds an element to the symbol, or takes it out.
func (s *Symbol) flip(e uint64, c uint32) {
	s.Sum ^= e
	s.Check ^= c
}

// pure reports whether the symbol is one element alone, but for a chance of
// one in four billion.
func (s Symbol) pure() bool { return s != Symbol{} && s.Check == check(s.Sum) }

// check is what tells one element from the sum of several. It must not be
// linear, or the check of a sum would be the sum of the checks.
func check(e uint64) uint32 { return uint32(fold(e^key2, e^key0|1) >> 16) }
