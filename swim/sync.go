package swim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/musterhq/muster/internal/sketch"
	"github.com/musterhq/muster/wire"
)

// Two muster members that exchange states send what they differ in, not all
// they know. The one that begins, the initiator, sends the sum of its set's
// hashes; if the other's is the same, that was all. Else the other sends coded
// symbols of its set until the initiator can tell the difference (package
// sketch). The initiator then sends the states that only it has, and the hashes
// of those that only the other has, and gets those.
//
// The one that is asked keeps nothing between two rounds: a request says all
// that its answer depends on. What changes meanwhile does no harm, since an
// element that is looked up and not found is left out, and the next exchange
// finds it.

// syncs is what a core keeps from one exchange to the next.
type syncs struct {
	rand    *rand.Rand // for salts
	symbols int        // how many to ask for at first
}

func newSyncs(seed uint64) syncs {
	return syncs{rand: newRand(seed, 32), symbols: symbolsFirst}
}

// reconciliation is an exchange that this member began.
type reconciliation struct {
	salt    uint64
	scope   string  // this member's namespace
	set     syncSet // as it was at the beginning
	decoder *sketch.Decoder
	root    uint64 // the other's, which its symbols belong to
	stage   syncStage
	rounds  int
	news    bool // something was learned
}

type syncStage uint8

const (
	syncAsked  syncStage = iota // for symbols
	syncTold                    // the difference, in states and hashes
	syncPushed                  // what the other's states were behind
)

// SyncRounds is how many requests an exchange may take on one stream. It ends
// one in which the other's set changes faster than its symbols come.
const SyncRounds = 32

// syncWith begins an exchange of states with a member, by the means it knows.
func (c *Core) syncWith(id memberID) {
	m := c.table.at(id)
	if c.cfg.Caps&m.caps&wire.CapSync == 0 {
		c.pushPull(m.addr(), m.name, false)
		return
	}
	r := &reconciliation{salt: c.syncs.rand.Uint64(), scope: c.cfg.Namespace}
	r.set = c.syncSet(r.salt, m.prof.namespace)
	request := r.request(wire.SyncRoot)
	request.Count, request.Root, request.To = len(r.set.hashes), r.set.root, c.syncs.symbols
	p := pendingStream{kind: StreamSync, to: m.addr(), name: m.name, sync: r}
	c.openStream(StreamSync, m.addr(), request.Append(nil), c.now.add(c.cfg.StreamTimeout), p)
}

// request begins a request of the exchange.
func (r *reconciliation) request(kind wire.SyncKind) wire.Sync {
	return wire.Sync{Kind: kind, Salt: r.salt, Scope: r.scope}
}

// syncDone takes the outcome of a round, and returns the next request.
func (c *Core) syncDone(id uint64, p pendingStream, reply []byte, err error) (next []byte) {
	r := p.sync
	if err == nil {
		if next, err = c.syncReply(p, reply); next != nil {
			return next
		}
	}
	delete(c.streams, id)
	if err != nil && r.rounds == 0 && c.now < p.deadline {
		// Whoever lives there now may be no muster member any more.
		c.pushPull(p.to, p.name, false)
	}
	if err == nil || r.news {
		c.follow(r.news)
	}
	c.ready.Done = append(c.ready.Done, Done{ID: id, Err: err})
	return nil
}

// syncReply takes an answer; it is the last one when there is neither a next
// request nor an error.
func (c *Core) syncReply(p pendingStream, reply []byte) (next []byte, err error) {
	if err := refusal(reply); err != nil {
		return nil, err
	}
	var m wire.Sync
	if err := m.Decode(reply); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c.heard = c.now
	r := p.sync
	if r.rounds++; r.rounds > SyncRounds {
		return nil, fmt.Errorf("sync: no end after %d rounds", SyncRounds)
	}
	switch {
	case m.Kind == wire.SyncEqual && r.rounds == 1:
		c.stats.Syncs++
		c.stats.SyncsEqual++
		return nil, nil
	case m.Kind == wire.SyncSymbols && r.stage == syncAsked:
		return c.syncSymbols(r, &m)
	case m.Kind == wire.SyncStates && r.stage != syncAsked:
		return c.syncStates(p, &m), nil
	}
	return nil, fmt.Errorf("%w: sync answered with kind %d", ErrMalformed, m.Kind)
}

// syncSymbols adds symbols, and asks for more until they tell the difference.
func (c *Core) syncSymbols(r *reconciliation, m *wire.Sync) ([]byte, error) {
	symbols, err := sketch.Parse(m.Symbols)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	mine, limit := len(r.set.hashes), symbolLimit(len(r.set.hashes), m.Count)
	have := m.From + len(symbols)
	if m.From == 0 {
		r.decoder, r.root = sketch.NewDecoder(r.set.hashes), m.Root
	}
	switch {
	case r.decoder == nil || m.From != r.decoder.Len() || have > symbolsSpare*limit:
		return nil, fmt.Errorf("%w: symbols [%d, %d) were not asked for", ErrMalformed, m.From, have)
	case m.Root != r.root:
		// The other's set has changed. Its symbols no longer go with those that
		// came before, so all of them are needed anew.
		return r.more(0, have), nil
	}
	r.decoder.Add(symbols...)
	switch {
	case r.decoder.Done():
		return c.syncDiff(r), nil
	case len(symbols) == 0 || have >= limit || tooDifferent(mine, m.Count):
		return c.syncAll(r), nil
	}
	return r.more(have, min(have+nextSymbols(have), limit)), nil
}

// symbolsSpare allows for a limit that has become smaller since it was asked
// up to, with the other's set.
const symbolsSpare = 2

func (r *reconciliation) more(from, to int) []byte {
	m := r.request(wire.SyncMore)
	m.From, m.To = from, to
	return m.Append(nil)
}

// syncDiff tells what only this member has and asks for what it has not.
func (c *Core) syncDiff(r *reconciliation) []byte {
	theirs, mine := r.decoder.Diff()
	r.decoder, r.stage = nil, syncTold
	enough := 2*(len(theirs)+len(mine)) + 4
	c.syncs.symbols = min(max(symbolsMin, (c.syncs.symbols+enough)/2), symbolsMost)
	m := r.request(wire.SyncDiff)
	for _, h := range theirs {
		m.Wanted = binary.BigEndian.AppendUint64(m.Wanted, h)
	}
	slices.Sort(mine)
	for i, h := range r.set.hashes {
		if _, ok := slices.BinarySearch(mine, h); ok {
			m.States = c.appendState(m.States, r.set.ids[i])
		}
	}
	return m.Append(nil)
}

// syncAll tells all that this member has, and asks for what that lacks.
func (c *Core) syncAll(r *reconciliation) []byte {
	r.decoder, r.stage = nil, syncTold
	c.syncs.symbols = symbolsFirst
	c.stats.SyncsFull++
	m := r.request(wire.SyncDiff)
	m.All = true
	for _, id := range r.set.ids {
		m.States = c.appendState(m.States, id)
	}
	return m.Append(nil)
}

// syncStates takes what the other knows, and tells it once more where this
// member knows better: of the death of a member, most often, which is in no
// set.
func (c *Core) syncStates(p pendingStream, m *wire.Sync) []byte {
	r, before := p.sync, c.changes
	better, _ := c.learn(m, origin{from: p.to, synced: true})
	r.news = r.news || c.changes != before
	if len(better) > 0 && r.stage == syncTold {
		r.stage = syncPushed
		m := r.request(wire.SyncDiff)
		m.States = better
		return m.Append(nil)
	}
	c.stats.Syncs++
	return nil
}
