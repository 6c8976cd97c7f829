package memberlist

// treap keeps broadcasts in the order in which they are to be sent: a search
// tree by that order, and a heap by a random rank, which keeps it as flat as
// one built in random order (Aragon and Seidel, "Randomized Search Trees",
// 1989). Broadcasts are its nodes, so it allocates nothing.
type treap struct {
	root *queued
	size int
}

// before says whether it goes before the place (sent, size, id).
func (it *queued) before(sent, size int, id uint64) bool {
	switch {
	case it.sent != sent:
		return it.sent < sent
	case it.size != size:
		return it.size > size
	}
	return it.id > id
}

// mix spreads the bits of an id, to serve as a rank.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (t *treap) insert(it *queued) {
	it.rank = mix(it.id)
	at := &t.root
	for *at != nil && (*at).rank >= it.rank {
		if (*at).before(it.sent, it.size, it.id) {
			at = &(*at).right
		} else {
			at = &(*at).left
		}
	}
	it.left, it.right = split(*at, it)
	*at = it
	t.size++
}

// split parts a subtree into what goes before it and what goes after it.
func split(node, it *queued) (before, after *queued) {
	into, rest := &before, &after
	for node != nil {
		if node.before(it.sent, it.size, it.id) {
			*into, into, node = node, &node.right, node.right
		} else {
			*rest, rest, node = node, &node.left, node.left
		}
	}
	*into, *rest = nil, nil
	return before, after
}

// remove takes out one that is in.
func (t *treap) remove(it *queued) {
	at := &t.root
	for *at != it {
		if (*at).before(it.sent, it.size, it.id) {
			at = &(*at).right
		} else {
			at = &(*at).left
		}
	}
	*at = merge(it.left, it.right)
	it.left, it.right = nil, nil
	t.size--
}

// merge joins two subtrees of which all of the first goes before the second.
func merge(before, after *queued) (root *queued) {
	at := &root
	for before != nil && after != nil {
		if before.rank >= after.rank {
			*at, at, before = before, &before.right, before.right
		} else {
			*at, at, after = after, &after.left, after.left
		}
	}
	if *at = before; before == nil {
		*at = after
	}
	return root
}

// next returns the first that is not before the place (sent, size, id).
func (t *treap) next(sent, size int, id uint64) (found *queued) {
	for node := t.root; node != nil; {
		if node.before(sent, size, id) {
			node = node.right
		} else {
			found, node = node, node.left
		}
	}
	return found
}

func (t *treap) min() *queued {
	node := t.root
	for node != nil && node.left != nil {
		node = node.left
	}
	return node
}

func (t *treap) max() *queued {
	node := t.root
	for node != nil && node.right != nil {
		node = node.right
	}
	return node
}

// plainList links the broadcasts that a new one may make superfluous.
type plainList struct{ first *queued }

func (l *plainList) add(it *queued) {
	it.listed, it.prev, it.next = true, nil, l.first
	if l.first != nil {
		l.first.prev = it
	}
	l.first = it
}

func (l *plainList) remove(it *queued) {
	if !it.listed {
		return
	}
	if it.prev == nil {
		l.first = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	}
	it.listed, it.prev, it.next = false, nil, nil
}
