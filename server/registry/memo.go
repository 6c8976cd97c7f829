package registry

import (
	"sync"
	"weak"
)

// A Variant tells apart what is encoded of one view.
type Variant struct {
	Form        uint8 // chosen by the encoder
	HealthyOnly bool
	Clusters    string
	Consumer    string // only where the selector looks at it
}

type memo struct {
	variant Variant
	bytes   []byte
}

// maxMemos bounds the variants of one view that are kept.
const maxMemos = 16

// Memo returns what build makes of the view, the same bytes to all who ask for
// the same variant. They must not be changed. build must not call Memo.
func (v *View) Memo(variant Variant, build func() []byte) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range v.memo {
		if v.memo[i].variant == variant {
			return v.memo[i].bytes
		}
	}
	b := build()
	if len(v.memo) < maxMemos {
		v.memo = append(v.memo, memo{variant, b})
		v.reg.encoded.add(v, len(b))
	}
	return b
}

// encoded bounds the memory of all memos: the oldest goes first. It does not
// keep views in memory, and counts those that are gone until their turn comes.
type encoded struct {
	mu    sync.Mutex
	limit int
	bytes int
	queue []encodedView
	head  int
}

type encodedView struct {
	view  weak.Pointer[View]
	bytes int
}

func (e *encoded) add(v *View, n int) {
	e.mu.Lock()
	e.queue = append(e.queue, encodedView{weak.Make(v), n})
	e.bytes += n
	var drop []*View
	for e.bytes > e.limit && e.head < len(e.queue)-1 {
		old := e.queue[e.head]
		e.queue[e.head] = encodedView{}
		e.head++
		e.bytes -= old.bytes
		if o := old.view.Value(); o != nil && o != v {
			drop = append(drop, o)
		}
	}
	if e.head > len(e.queue)/2 {
		e.queue = append(e.queue[:0], e.queue[e.head:]...)
		e.head = 0
	}
	e.mu.Unlock()
	for _, o := range drop {
		// Somebody may hold that view's lock to encode; he will be counted
		// again, so it is enough to try.
		if o.mu.TryLock() {
			o.memo = nil
			o.mu.Unlock()
		}
	}
}
