package registry

import (
	"hash/maphash"
	"math/bits"
	"sync"
)

// A host is an instance on its way into a view.
type host struct {
	inst  *Instance
	stamp uint64
	stale bool // its server is gone, and its client perhaps elsewhere by now
}

// better reports whether h is to be believed rather than o, of the same
// address. While a client moves from one server to another, both know it.
func (h host) better(o host) bool {
	if h.stale != o.stale {
		return o.stale
	}
	return h.stamp > o.stamp
}

var hostSeed = maphash.MakeSeed()

// tables are the scratch of dedupe: places in all plus one, zero for none.
var tables = sync.Pool{New: func() any { return new([]int32) }}

// dedupe keeps the best of the hosts with one address, in their order.
func dedupe(all []host) []host {
	if len(all) < 2 {
		return all
	}
	size := 1 << bits.Len(uint(2*len(all)))
	scratch := tables.Get().(*[]int32)
	defer tables.Put(scratch)
	if cap(*scratch) < size {
		*scratch = make([]int32, size)
	}
	table := (*scratch)[:size]
	clear(table)
	kept := all[:0]
	for _, h := range all {
		at := maphash.String(hostSeed, h.inst.IP) + uint64(h.inst.Port)*0x9e3779b97f4a7c15
		at ^= at >> 29
		for {
			at &= uint64(size - 1)
			n := table[at]
			if n == 0 {
				kept = append(kept, h)
				table[at] = int32(len(kept))
				break
			}
			if kept[n-1].inst.same(h.inst) {
				if h.better(kept[n-1]) {
					kept[n-1] = h
				}
				break
			}
			at++
		}
	}
	return kept
}
