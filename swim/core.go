package swim

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// Why an input changed nothing. Step returns these wrapped; the core's state is
// as it was before the message, and there is nothing for the caller to do: the
// protocol repeats what matters.
var (
	ErrMalformed   = errors.New("message does not decode")
	ErrIgnored     = errors.New("message ignored")
	ErrImplausible = errors.New("incarnation that nobody can have reached")
	ErrRefused     = errors.New("member refused")
	ErrConflict    = errors.New("name is taken by another address")
)

// ErrTooLarge is returned for metadata or a broadcast that cannot fit a packet.
// Nothing was changed; send large payloads over a stream.
var ErrTooLarge = errors.New("too large for a packet")

// ErrBusy is returned for a broadcast while too many wait. Try again later.
var ErrBusy = errors.New("too many broadcasts are waiting")

// ErrLeft is returned for what a member that has left cannot do. Join undoes it.
var ErrLeft = errors.New("this member has left the cluster")

// Core is one member's view of the cluster and what it means to do next.
type Core struct {
	cfg         Config
	compression wire.Codec // what it knows of compression, nothing else
	epoch       time.Time
	now         instant
	changes     uint64  // counts changes of what Members yields
	heard       instant // when the last valid message came in

	table *table
	order []memberID // the round-robin of SWIM section 4.3
	next  int        // into order

	queue   *queue // about members
	users   *queue // the application's
	userN   uint64 // numbers this member's broadcasts
	userKey uint64 // numbers what waits in users

	timers     timers
	nextProbe  instant
	nextGossip instant // never while there is nothing to gossip
	nextSync   instant
	settled    int           // push/pulls in a row that brought no news
	resync     time.Duration // how soon the next push/pull follows one that brought news
	nextReap   instant
	nextRetry  instant
	lastGossip instant
	sentMax    int     // the highest transmit limit there was
	walk       walk    // through the live part of the ring, for gossip
	ratio      float64 // how much compression has gained lately

	probe     probe
	late      []lateNacks
	relays    map[uint32]*relay
	pings     map[uint32]ownPing
	suspects  map[memberID]*suspicion
	awareness int
	seq       uint32

	streams  map[uint64]pendingStream
	syncs    syncs
	streamID uint64
	asks     map[uint64]pendingAsk
	askID    uint64
	askBytes int
	asking   [2]bool    // AskTargets that wait, by purpose
	held     [][][]byte // the application's broadcasts that wait for targets
	lost     lost
	told     told
	seeds    []netip.AddrPort
	rumors   rumors
	leave    leaving
	ack      []byte // the application's payload for acks

	rand struct{ probe, gossip, relay, sync, retry *rand.Rand }

	ready   Ready
	drained bool
	arena   []byte // packet bytes of the current Ready
	scratch scratch
	in      inbox
	budget  budget
	stats   Stats
}

// New returns a core whose member is alive at incarnation 1, alone.
func New(now time.Time, cfg Config) (*Core, error) {
	if cfg.Versions == (wire.Versions{}) {
		cfg.Versions = DefaultVersions
	}
	cfg.Addr = netip.AddrPortFrom(cfg.Addr.Addr().Unmap(), cfg.Addr.Port())
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Core{
		cfg: cfg, compression: wire.Codec{Algorithm: cfg.Algorithm, Compressors: cfg.Compressors}, epoch: now, now: 1, settled: settledAfter, table: newTable(),
		queue: newQueue(), users: newQueue(), ratio: 1.5,
		relays:   make(map[uint32]*relay),
		pings:    make(map[uint32]ownPing),
		suspects: make(map[memberID]*suspicion),
		streams:  make(map[uint64]pendingStream),
		asks:     make(map[uint64]pendingAsk),
	}
	c.rand.probe, c.rand.gossip = newRand(cfg.Seed, 0), newRand(cfg.Seed, 1)
	c.rand.relay, c.rand.sync = newRand(cfg.Seed, 2), newRand(cfg.Seed, 3)
	c.rand.retry = newRand(cfg.Seed, 4)
	// Sequence numbers and identities start anywhere, so that neither a forger
	// nor a late answer to a former life hits one by counting from zero.
	c.seq = newRand(cfg.Seed, 5).Uint32()
	c.rumors.origin = newRand(cfg.Seed, 6).Uint64()
	c.syncs = newSyncs(cfg.Seed)

	c.table.insert(cfg.Name)
	self := c.table.at(selfID)
	self.inc, self.caps = 1, wire.CapMuster|cfg.Caps
	self.setAddr(cfg.Addr.Addr(), cfg.Addr.Port())
	if cfg.ID == 0 {
		cfg.ID = newRand(cfg.Seed, 7).Uint64() | 1
	}
	about := wire.About{ID: cfg.ID, Namespace: cfg.Namespace, Alias: cfg.Alias, MetaID: cfg.MetaID}
	c.table.setProfile(self, cfg.Meta, cfg.Versions, about)
	c.table.setState(selfID, wire.StateAlive, c.now)
	c.event(Event{Kind: EventJoin, Member: c.export(selfID)})
	c.schedule()
	return c, nil
}

// schedule starts the periodic work at random phases, so that members started
// together do not act in step.
func (c *Core) schedule() {
	phase := func(d time.Duration) instant {
		if d <= 0 {
			return never
		}
		return c.now.add(time.Duration(c.rand.sync.Int64N(int64(d))) + 1)
	}
	c.nextProbe = phase(c.cfg.ProbeInterval)
	c.nextSync = phase(c.cfg.PushPullInterval)
	c.nextRetry = phase(c.cfg.ReconnectInterval)
	if c.cfg.PullBroadcasts {
		c.nextGossip = phase(c.cfg.GossipInterval)
	}
}

// Deadline tells when Tick is next due. There is none when nothing is pending,
// which happens only with every interval switched off.
func (c *Core) Deadline() (time.Time, bool) {
	d := c.deadline()
	if d == never {
		return time.Time{}, false
	}
	return c.time(d), true
}

func (c *Core) deadline() instant {
	d := never
	for _, at := range [...]instant{c.nextProbe, c.probe.due(), c.nextGossip, c.nextSync, c.nextReap, c.nextRetry, c.leave.due, c.leave.goAt} {
		if at != never && (d == never || at < d) {
			d = at
		}
	}
	if len(c.timers) > 0 && (d == never || c.timers[0].at < d) {
		d = c.timers[0].at
	}
	return d
}

// Tick does what is due at now.
func (c *Core) Tick(now time.Time) {
	c.advance(now)
	due := func(at instant) bool { return at != never && at <= c.now }
	for len(c.timers) > 0 && c.timers[0].at <= c.now {
		c.fire(c.timers.pop())
	}
	if due(c.probe.due()) {
		c.probeDue()
	}
	if due(c.nextProbe) {
		c.startProbe()
	}
	if due(c.leave.goAt) {
		c.leave.goAt = never
		c.goNow()
	}
	if due(c.leave.due) {
		c.retryLeave()
	}
	if due(c.nextGossip) {
		c.gossip()
	}
	if due(c.nextSync) {
		c.sync()
	}
	if due(c.nextRetry) {
		c.reconnect()
	}
	if due(c.nextReap) {
		c.reap()
	}
}

func (c *Core) fire(t timer) {
	switch t.kind {
	case timerSuspicion:
		c.suspicionDue(memberID(t.key))
	case timerRelayNack:
		c.relayNack(t.key)
	case timerRelayEnd:
		delete(c.relays, t.key)
	case timerLateNack:
		c.countLateNacks(t.key)
	case timerPing:
		c.pingDone(t.key, ErrNoAnswer)
	}
}

// advance sets the time, and notices when the local process stood still.
func (c *Core) advance(now time.Time) {
	if c.drained {
		c.reset()
	}
	t := max(c.at(now), c.now)
	// The last input counts, too: several that come at the same late time tell
	// of one stall, not of many.
	if d := max(c.deadline(), c.now); d != never && t > d && c.deadline() != never {
		late := time.Duration(t - d)
		c.probe.lag = max(c.probe.lag, late)
		if late > c.stallAfter() {
			c.stalled(late)
		}
	}
	c.now = t
}

// Ready returns what is to be done since the last call, each thing once.
func (c *Core) Ready() Ready {
	if c.drained {
		return Ready{}
	}
	c.drained = true
	return c.ready
}

// reset empties what Ready returned, keeping the capacity.
func (c *Core) reset() {
	c.drained = false
	r := &c.ready
	clear(r.Packets)
	clear(r.Streams)
	clear(r.Events)
	clear(r.Messages)
	clear(r.States)
	clear(r.Asks)
	*r = Ready{trim(r.Packets), trim(r.Streams), trim(r.Events), trim(r.Messages), trim(r.States), trim(r.Asks), trim(r.Done)}
	if cap(c.arena) > arenaKeep {
		c.arena = nil
	}
	c.arena = c.arena[:0]
}

// What an idle core holds on to: bytes of packets, and elements of Ready.
const (
	arenaKeep = 2 << 10
	readyKeep = 8
)

// trim empties a slice, and lets go of what a burst has made of it.
func trim[T any](s []T) []T {
	if cap(s) > readyKeep {
		return nil
	}
	return s[:0]
}

// Local returns the local member.
func (c *Core) Local() Member { return c.export(selfID) }

// Member returns what is known of the member of that name, also when it is
// dead or has left but is still remembered.
func (c *Core) Member(name string) (Member, bool) {
	id, ok := c.table.find(name)
	if !ok {
		return Member{}, false
	}
	return c.export(id), true
}

// Members yields every member known, the local one first, also the dead and
// those that left while they are remembered. The order is that of the table:
// stable, without meaning.
func (c *Core) Members(yield func(Member) bool) {
	c.table.each(func(id memberID, _ *member) bool { return yield(c.export(id)) })
}

// NumLive counts the members that are alive or suspect, the local one included
// unless it has left.
func (c *Core) NumLive() int {
	n := c.table.live
	if c.table.at(selfID).live() {
		n++
	}
	return n
}

func (c *Core) export(id memberID) Member { return c.exportRow(c.table.at(id)) }

func (c *Core) exportRow(m *member) Member {
	return Member{
		Name: m.name, ID: m.id, Addr: m.addr(), State: m.state, Incarnation: m.inc,
		Alias: m.prof.alias, Namespace: m.prof.namespace, Leaving: m.prof.leaving, MetaID: m.prof.metaID,
		Meta: m.prof.meta, Versions: m.prof.versions, Caps: m.caps, Since: c.time(m.since.instant()),
	}
}

// SetSeeds gives addresses that stay candidates for a reconnect for ever.
func (c *Core) SetSeeds(seeds []netip.AddrPort) { c.seeds = append(c.seeds[:0], seeds...) }

// SetAckPayload sets what the acks of this member carry to the prober's
// application; nil for nothing.
func (c *Core) SetAckPayload(p []byte) error {
	if len(p) > MetaMax {
		return fmt.Errorf("ack payload of %d bytes, at most %d: %w", len(p), MetaMax, ErrTooLarge)
	}
	c.ack = append([]byte(nil), p...)
	return nil
}

// SetMeta announces new metadata under a new incarnation.
func (c *Core) SetMeta(now time.Time, meta []byte) error { return c.setMeta(now, meta, 0) }

// DetachMeta announces that the metadata is to be had elsewhere, and its hash.
func (c *Core) DetachMeta(now time.Time, id uint64) error { return c.setMeta(now, nil, id) }

func (c *Core) setMeta(now time.Time, meta []byte, id uint64) error {
	if len(meta) > MetaMax {
		return fmt.Errorf("metadata of %d bytes, at most %d: %w", len(meta), MetaMax, ErrTooLarge)
	}
	c.advance(now)
	if c.leave.left {
		return ErrLeft
	}
	self := c.table.at(selfID)
	before := self.prof.meta
	about := self.about()
	about.MetaID = id
	c.table.setProfile(self, meta, self.prof.versions, about)
	c.outbid(self.inc)
	c.changes++
	c.announce(selfID)
	c.event(Event{Kind: EventUpdate, Member: c.export(selfID), OldMeta: before})
	return nil
}

// caps is what this member announces that it understands.
func (c *Core) caps() wire.Caps { return wire.CapMuster | c.cfg.Caps }

// Announced says whether what this member last said of itself has been sent as
// often as it is to be, or there is nobody to send it to.
func (c *Core) Announced() bool { return c.table.live == 0 || c.queue.byKey[uint64(selfID)] == nil }

// Changes counts the changes of what Members yields.
func (c *Core) Changes() uint64 { return c.changes }

// Stats returns the counters and gauges.
func (c *Core) Stats() Stats {
	s := c.stats
	t := c.table
	s.Alive, s.Suspects = t.states[wire.StateAlive], t.states[wire.StateSuspect]
	s.Dead, s.Left = t.states[wire.StateDead], t.states[wire.StateLeft]
	s.HealthScore = c.awareness
	s.QueueLength, s.QueueBytes, s.UserQueueLength = c.queue.len(), c.queue.bytes, c.users.len()
	s.Incarnation = t.at(selfID).inc
	return s
}

func (c *Core) event(e Event) { c.ready.Events = append(c.ready.Events, e) }

// nextSeq returns a sequence number for a ping of this member's own.
func (c *Core) nextSeq() uint32 {
	c.seq++
	return c.seq
}
