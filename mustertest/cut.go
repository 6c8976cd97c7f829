package mustertest

import (
	"net/netip"
	"slices"
)

// Cuts. A packet that meets a cut is lost, also one that was under way when the
// cut was made: once the call has returned nothing passes any more. A stream
// stalls, and goes on when the cut is healed; see BreakStreams for the others.

// Block cuts the link in one direction; either end may be Any.
func (n *Network) Block(from, to string) {
	n.change(func() { n.blocked[pair{n.find(from), n.find(to)}] = true })
}

// Unblock takes a Block of the same two back.
func (n *Network) Unblock(from, to string) {
	n.change(func() { delete(n.blocked, pair{n.find(from), n.find(to)}) })
}

// Isolate cuts a transport off from all others, in both directions.
func (n *Network) Isolate(names ...string) {
	n.change(func() {
		for _, name := range names {
			a := n.find(name)
			n.blocked[pair{from: a}], n.blocked[pair{to: a}] = true, true
		}
	})
}

// Reconnect takes an Isolate back.
func (n *Network) Reconnect(names ...string) {
	n.change(func() {
		for _, name := range names {
			a := n.find(name)
			delete(n.blocked, pair{from: a})
			delete(n.blocked, pair{to: a})
		}
	})
}

// Partition cuts all links between transports of different groups. Those that
// are in no group, later ones included, are one more group together. It
// replaces the partition before, and leaves other cuts as they are.
func (n *Network) Partition(groups ...[]string) {
	n.change(func() {
		clear(n.groups)
		for i, names := range groups {
			for _, name := range names {
				n.groups[n.find(name)] = i + 1
			}
		}
	})
}

// Heal takes back every Block, Isolate and Partition. What SetLink has set
// stays.
func (n *Network) Heal() {
	n.change(func() {
		clear(n.blocked)
		clear(n.groups)
	})
}

// BreakStreams resets the streams between the two, whoever opened them; either
// may be Any. Both ends get an error, whether the links are cut or not: this is
// a peer that crashed and restarted, or a firewall that forgot.
func (n *Network) BreakStreams(a, b string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	one, other := n.find(a), n.find(b)
	is := func(x, y netip.AddrPort) bool { return !x.IsValid() || x == y }
	for c := range n.conns {
		p := c.out.link.pair
		if is(one, p.from) && is(other, p.to) || is(one, p.to) && is(other, p.from) {
			c.reset()
		}
	}
}

// isCut says whether nothing passes. A transport always reaches itself.
func (n *Network) isCut(p pair) bool {
	if p.from == p.to {
		return false
	}
	return n.blocked[p] || n.blocked[pair{from: p.from}] || n.blocked[pair{to: p.to}] || n.blocked[pair{}] ||
		n.groups[p.from] != n.groups[p.to]
}

// change changes settings, and sends on what waited for the end of a cut.
func (n *Network) change(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.epoch++
	var waiting []*link
	for _, l := range n.links {
		if n.refresh(l); len(l.parked) > 0 && !l.cut {
			waiting = append(waiting, l)
		}
	}
	slices.SortFunc(waiting, func(a, b *link) int { return a.pair.compare(b.pair) })
	for _, l := range waiting {
		parked := l.parked
		l.parked = nil
		for _, p := range parked {
			n.carry(l, p)
		}
	}
}
