package sim

// item is one entry of the heap: when, in which order among equals, and the
// slot of the event.
type item struct {
	at  int64
	seq uint64
	ev  int32
}

func (a item) before(b item) bool {
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}

// eventHeap is a 4-ary heap: half as deep as a binary one, and the four
// children of an entry lie in two cache lines.
type eventHeap []item

func (h *eventHeap) push(it item) {
	s := append(*h, it)
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !it.before(s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = it
	*h = s
}

// pop takes the first entry off; the heap must not be empty.
func (h *eventHeap) pop() item {
	s := *h
	top, last := s[0], s[len(s)-1]
	s = s[:len(s)-1]
	*h = s
	if len(s) == 0 {
		return top
	}
	i := 0
	for {
		first := 4*i + 1
		if first >= len(s) {
			break
		}
		least := first
		for child := first + 1; child < min(first+4, len(s)); child++ {
			if s[child].before(s[least]) {
				least = child
			}
		}
		if !s[least].before(last) {
			break
		}
		s[i] = s[least]
		i = least
	}
	s[i] = last
	return top
}
