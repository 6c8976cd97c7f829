package consensus

import (
	"container/heap"
	"context"
	"sync"
)

// progress is how far the local FSM has come, and who waits for it to come
// further: a write that wants to be read here, a linearizable read.
type progress struct {
	mu      sync.Mutex
	index   uint64
	waiting waitHeap
}

type appliedWaiter struct {
	index uint64
	done  chan struct{}
	pos   int
}

// reach notes that everything up to index has been applied.
func (p *progress) reach(index uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index = max(p.index, index)
	for len(p.waiting) > 0 && p.waiting[0].index <= p.index {
		close(heap.Pop(&p.waiting).(*appliedWaiter).done)
	}
}

// at returns how far the FSM has come.
func (p *progress) at() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.index
}

// wait returns once everything up to index has been applied, or when ctx ends.
func (p *progress) wait(ctx context.Context, index uint64) error {
	p.mu.Lock()
	if p.index >= index {
		p.mu.Unlock()
		return nil
	}
	w := &appliedWaiter{index: index, done: make(chan struct{})}
	heap.Push(&p.waiting, w)
	p.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.done:
		return nil
	default:
	}
	heap.Remove(&p.waiting, w.pos)
	return context.Cause(ctx)
}

// waitHeap has the waiter that is served next at the root.
type waitHeap []*appliedWaiter

func (h waitHeap) Len() int           { return len(h) }
func (h waitHeap) Less(i, j int) bool { return h[i].index < h[j].index }
func (h waitHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].pos, h[j].pos = i, j
}

func (h *waitHeap) Push(x any) {
	w := x.(*appliedWaiter)
	w.pos = len(*h)
	*h = append(*h, w)
}

func (h *waitHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return w
}
