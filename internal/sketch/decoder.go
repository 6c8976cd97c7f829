package sketch

// Decoder finds what two sets differ in from the coded symbols of the remote
// one. It holds 16 bytes for each element of the local set, about twice the
// symbols it was given, and the difference, whatever it is given.
//
// Symbols that no set has, from a broken or hostile peer, leave it not done or
// make it name elements that nobody has. The caller looks each element up
// anyway, and that is where it shows.
type Decoder struct {
	local   []uint64
	places  []placed // of the local set, where encode left off
	ahead   []Symbol // of the local set
	symbols []Symbol // of the difference, less what was found
	ignored int      // symbols that came after it was broken
	found   []found
	dirty   int  // symbols that are not empty
	broken  bool // more was found than can be true
}

// found is an element of the difference, and where it is next mapped to.
type found struct {
	element uint64
	places  placed
}

// NewDecoder returns a decoder that knows the local set, which must not be
// changed while the decoder is in use.
func NewDecoder(local []uint64) *Decoder { return &Decoder{local: local} }

// Len returns how many symbols were added, which is the number of the next.
// Whoever asks for more until the decoder is done must give up at some length:
// the symbols of a set that changes meanwhile may never fit together.
func (d *Decoder) Len() int { return len(d.symbols) + d.ignored }

// Done reports whether the whole difference is known.
func (d *Decoder) Done() bool {
	// Every element is in symbol 0, so nothing is missing when that is empty.
	return len(d.symbols) > 0 && d.dirty == 0 && !d.broken
}

// Add takes in the next symbols of the remote set.
func (d *Decoder) Add(remote ...Symbol) {
	if d.broken {
		d.ignored += len(remote)
	}
	if d.broken || len(remote) == 0 {
		return
	}
	from := len(d.symbols)
	d.encode(from + len(remote))
	for i, s := range remote {
		s.flip(d.ahead[from+i].Sum, d.ahead[from+i].Check)
		d.symbols = append(d.symbols, s)
		if s != (Symbol{}) {
			d.dirty++
		}
	}
	for i := range d.found {
		d.remove(&d.found[i], nil)
	}
	pending := make([]int, 0, 16)
	for i := from; i < len(d.symbols); i++ {
		if !d.symbols[i].pure() {
			continue
		}
		pending = d.peel(append(pending[:0], i))
		if d.broken {
			return
		}
	}
}

// encode makes the local set's symbols up to the n-th, and as many again as
// there are, so that symbols that come one by one do not each cost a walk of
// the set.
func (d *Decoder) encode(n int) {
	have := len(d.ahead)
	if n <= have {
		return
	}
	if d.places == nil {
		d.places = make([]placed, len(d.local))
		for i, e := range d.local {
			d.places[i] = places(e)
		}
	}
	d.ahead = append(d.ahead, make([]Symbol, max(n, 2*have)-have)...)
	for i, e := range d.local {
		d.places[i].fill(e, d.ahead[have:], have)
	}
}

// peel takes out the elements that stand alone in the pending symbols, and
// those that then stand alone, until none does.
func (d *Decoder) peel(pending []int) []int {
	for len(pending) > 0 {
		i := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		s := d.symbols[i]
		if !s.pure() || !mapped(s.Sum, uint64(i)) {
			continue
		}
		// Each element found empties a symbol for good, if all is true. False
		// symbols could make one come back again and again.
		if len(d.found) == len(d.symbols) {
			d.broken = true
			return pending
		}
		d.found = append(d.found, found{s.Sum, places(s.Sum)})
		pending = d.remove(&d.found[len(d.found)-1], pending)
	}
	return pending
}

// remove takes an element out of the symbols from where it is next mapped to,
// and appends those to pending in which one element is left alone.
func (d *Decoder) remove(f *found, pending []int) []int {
	c := check(f.element)
	for ; f.places.at < uint64(len(d.symbols)); f.places.next() {
		i := int(f.places.at)
		s := &d.symbols[i]
		if *s != (Symbol{}) {
			d.dirty--
		}
		s.flip(f.element, c)
		if *s != (Symbol{}) {
			d.dirty++
		}
		if pending != nil && s.pure() {
			pending = append(pending, i)
		}
	}
	return pending
}

// mapped reports whether an element belongs into symbol i.
func mapped(e, i uint64) bool {
	p := places(e)
	for p.at < i {
		p.next()
	}
	return p.at == i
}

// Diff returns what was found so far: all of the difference once the decoder
// is done. The order is that in which the elements were found.
func (d *Decoder) Diff() (onlyRemote, onlyLocal []uint64) {
	if len(d.found) == 0 {
		return nil, nil
	}
	here := make(map[uint64]bool, len(d.found))
	for _, f := range d.found {
		here[f.element] = false
	}
	for _, e := range d.local {
		if _, ok := here[e]; ok {
			here[e] = true
		}
	}
	for _, f := range d.found {
		local, ok := here[f.element]
		switch {
		case !ok: // found twice, so the symbols were false
		case local:
			onlyLocal = append(onlyLocal, f.element)
		default:
			onlyRemote = append(onlyRemote, f.element)
		}
		delete(here, f.element)
	}
	return onlyRemote, onlyLocal
}
