package swim

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/musterhq/muster/internal/sketch"
	"github.com/musterhq/muster/wire"
)

// serveSync answers a request of an exchange that another member began.
func (c *Core) serveSync(from netip.AddrPort, request []byte) ([]byte, error) {
	var m wire.Sync
	if err := m.Decode(request); err != nil {
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c.heard = c.now
	var reply wire.Sync
	switch m.Kind {
	case wire.SyncRoot:
		reply = c.serveRoot(&m)
	case wire.SyncMore:
		reply = serveSymbols(c.syncSet(m.Salt, m.Scope), m.From, m.To)
	case wire.SyncDiff:
		reply = c.serveDiff(from, &m)
	default:
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: sync of kind %d is no request", ErrMalformed, m.Kind)
	}
	return reply.Append(nil), nil
}

// serveRoot compares the sums; where they differ it sends the first symbols, at
// least as many as the sizes alone say will be needed.
func (c *Core) serveRoot(m *wire.Sync) wire.Sync {
	c.stats.Syncs++
	set := c.syncSet(m.Salt, m.Scope)
	n := len(set.hashes)
	if m.Root == set.root && m.Count == n {
		c.stats.SyncsEqual++
		return wire.Sync{Kind: wire.SyncEqual}
	}
	if tooDifferent(n, m.Count) {
		return serveSymbols(set, 0, 0)
	}
	to := max(m.To, symbolsFor(max(n-m.Count, m.Count-n)))
	return serveSymbols(set, 0, min(to, symbolLimit(n, m.Count)))
}

// serveSymbols sends the symbols [from, to), but never more than could be of
// use to a set that is not much larger.
func serveSymbols(set syncSet, from, to int) wire.Sync {
	reply := wire.Sync{Kind: wire.SyncSymbols, Root: set.root, Count: len(set.hashes), From: from}
	to = min(to, symbolLimit(len(set.hashes), 2*len(set.hashes)))
	if from < to {
		reply.Symbols = sketch.Append(nil, sketch.Symbols(set.hashes, from, to)...)
	}
	return reply
}

// serveDiff learns what the other has and answers with what it lacks: what it
// asks for, unless that is superseded by what it just sent, and what this
// member knows better.
func (c *Core) serveDiff(from netip.AddrPort, m *wire.Sync) wire.Sync {
	reply := wire.Sync{Kind: wire.SyncStates}
	var told []memberID
	reply.States, told = c.learn(m, origin{from: from, synced: true})
	if len(m.Wanted) == 0 && !m.All {
		return reply
	}
	if m.All {
		c.stats.SyncsFull++
	}
	listed := hashesOf(m)
	slices.Sort(listed)
	slices.Sort(told)
	set := c.syncSet(m.Salt, m.Scope)
	for i, h := range set.hashes {
		_, ok := slices.BinarySearch(listed, h)
		if ok == m.All {
			continue // it has that, or does not want it
		}
		if _, ok := slices.BinarySearch(told, set.ids[i]); !ok {
			reply.States = c.appendState(reply.States, set.ids[i])
		}
	}
	return reply
}

// hashesOf are the hashes that a request is about: those it wants or, when it
// wants all that it has not, those it has.
func hashesOf(m *wire.Sync) []uint64 {
	if !m.All {
		listed := make([]uint64, 0, len(m.Wanted)/wire.HashSize)
		for b := m.Wanted; len(b) >= wire.HashSize; b = b[wire.HashSize:] {
			listed = append(listed, binary.BigEndian.Uint64(b))
		}
		return listed
	}
	var listed []uint64
	var buf []byte
	m.EachState(func(s *wire.PushNodeState) {
		var h uint64
		h, buf = hashState(m.Salt, s, buf)
		listed = append(listed, h)
	})
	return listed
}

// learn merges the states of a message, by the rules of a push/pull, and
// returns this member's own state of those that it still knows better then:
// refuted, superseded, or dead. So a death that one side has missed comes out
// although the dead are in no set, and a state that is behind is corrected by
// whoever gets it, whichever side began.
func (c *Core) learn(m *wire.Sync, o origin) (better []byte, told []memberID) {
	m.EachState(func(s *wire.PushNodeState) {
		c.mergeState(s, o)
		if id, ok := c.table.find(s.Name); ok && c.table.at(id).surpasses(s) {
			better = c.appendState(better, id)
			told = append(told, id)
		}
	})
	return better, told
}

// surpasses says whether what is known of the member is more than s tells.
func (m *member) surpasses(s *wire.PushNodeState) bool {
	if m.inc != s.Incarnation {
		return m.inc > s.Incarnation
	}
	if mine, theirs := gravity(m.state), gravity(s.State); mine != theirs {
		return mine > theirs
	}
	// What a memberlist member has passed on lacks muster's fields.
	return m.live() && (m.caps&^s.Caps != 0 || m.id != 0 && s.ID == 0)
}

// gravity orders states of equal incarnation by which of them prevails.
func gravity(s wire.State) int { return min(int(s), int(wire.StateDead)) }
