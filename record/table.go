package record

import (
	"hash/maphash"
	"slices"
	"sort"
)

// entry is the latest change of one key. Key and value are one piece of memory,
// which is never written to again, so that whoever was given it may keep it.
type entry struct {
	version uint64
	data    []byte // key and value; nil once superseded
	lease   uint32 // 1 + index into leases; of own keys only
	klen    uint16
	dead    bool // a tombstone: the key was deleted
}

func (e *entry) key() []byte   { return e.data[:e.klen] }
func (e *entry) value() []byte { return e.data[e.klen:len(e.data):len(e.data)] }

// entryCost is about what an entry takes besides its key and value: itself,
// its slot, what the allocator rounds up.
const entryCost = 72

// table is a map in the order of its versions. A change appends an entry and
// leaves a hole where the key's former one was; what came after a version is
// then a slice's end, found by bisection. Holes are squeezed out before they
// are half of it.
type table struct {
	entries []entry
	slots   []uint32 // of the keys' entries: 8 bits of hash, 24 of index + 1; 0 is free
	seed    maphash.Seed
	live    int   // keys that have a value
	graves  int   // tombstones
	bytes   int64 // of all that, about
}

const (
	slotIndex = 1<<24 - 1
	holesMin  = 64
)

func tag(h uint64) uint32 { return uint32(h>>56) << 24 }

// probe returns the slot of the key, or the free one where it belongs.
func (t *table) probe(key []byte) (slot int, h uint64) {
	h = maphash.Bytes(t.seed, key)
	mask := len(t.slots) - 1
	for slot = int(h) & mask; ; slot = (slot + 1) & mask {
		s := t.slots[slot]
		if s == 0 {
			return slot, h
		}
		if s&^slotIndex == tag(h) && string(t.entries[s&slotIndex-1].key()) == string(key) {
			return slot, h
		}
	}
}

// find returns the key's entry, which may be a tombstone, or nil. It is valid
// until the next change.
func (t *table) find(key []byte) *entry {
	if len(t.slots) == 0 {
		return nil
	}
	slot, _ := t.probe(key)
	if s := t.slots[slot]; s != 0 {
		return &t.entries[s&slotIndex-1]
	}
	return nil
}

// len counts keys and tombstones.
func (t *table) len() int { return t.live + t.graves }

// put makes e, whose version must be higher than any before, the entry of its
// key. It returns the entry that was, its data nil if there was none.
func (t *table) put(e entry) (old entry) {
	t.grow()
	slot, h := t.probe(e.key())
	if s := t.slots[slot]; s != 0 {
		was := &t.entries[s&slotIndex-1]
		old = *was
		was.data, was.lease = nil, 0
		t.count(&old, -1)
	}
	t.entries = append(t.entries, e)
	t.slots[slot] = tag(h) | uint32(len(t.entries))
	t.count(&e, 1)
	return old
}

func (t *table) count(e *entry, n int) {
	if e.dead {
		t.graves += n
	} else {
		t.live += n
	}
	t.bytes += int64(n) * cost(len(e.data))
}

func cost(data int) int64 { return int64(data) + entryCost }

// grow makes room for one more entry and its slot.
func (t *table) grow() {
	n := t.len()
	if holes := len(t.entries) - n; holes > holesMin && holes > n/2 || len(t.entries) == slotIndex-1 {
		t.squeeze()
	}
	if 4*(n+1) > 3*len(t.slots) {
		t.index(max(8, 2*len(t.slots)))
	}
}

// squeeze takes the holes out.
func (t *table) squeeze() {
	kept := slices.DeleteFunc(t.entries, func(e entry) bool { return e.data == nil })
	if cap(kept) > 2*len(kept)+holesMin {
		kept = slices.Clone(kept)
	}
	t.entries = kept
	size := 8
	for 4*(len(kept)+1) > 3*size {
		size *= 2
	}
	t.index(size)
}

// index builds the slots anew.
func (t *table) index(size int) {
	t.slots = make([]uint32, size)
	mask := size - 1
	for i := range t.entries {
		e := &t.entries[i]
		if e.data == nil {
			continue
		}
		h := maphash.Bytes(t.seed, e.key())
		slot := int(h) & mask
		for t.slots[slot] != 0 {
			slot = (slot + 1) & mask
		}
		t.slots[slot] = tag(h) | uint32(i+1)
	}
}

// after returns the entries with versions above v, holes among them.
func (t *table) after(v uint64) []entry {
	n := len(t.entries)
	if n == 0 || t.entries[n-1].version <= v {
		return nil
	}
	i := sort.Search(n, func(i int) bool { return t.entries[i].version > v })
	return t.entries[i:]
}

// purge forgets the tombstones up to a version.
func (t *table) purge(floor uint64) {
	if t.graves == 0 {
		return
	}
	purged := false
	for i := range t.entries {
		e := &t.entries[i]
		if e.version > floor {
			break
		}
		if e.dead && e.data != nil {
			t.count(e, -1)
			e.data = nil
			purged = true
		}
	}
	if purged {
		t.squeeze()
	}
}

// each yields the entries that have a value, in the order of their versions.
func (t *table) each(yield func(*entry) bool) {
	for i := range t.entries {
		if e := &t.entries[i]; e.data != nil && !e.dead && !yield(e) {
			return
		}
	}
}
