package record

import (
	"errors"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"github.com/musterhq/muster/internal/sketch"
)

// Why an input changed nothing.
var (
	// ErrMalformed is returned for a message that does not decode. Nothing of
	// it was taken over.
	ErrMalformed = errors.New("record message does not decode")
	// ErrUnknown is returned for a message whose sender is not a known member.
	// Nothing of it was taken over; digests will bring it once it is known.
	ErrUnknown = errors.New("records from an unknown member")
	// ErrKey and ErrTooLarge are returned for a key or topic that is empty or
	// too long, and a value or payload that is too large. Nothing was changed.
	ErrKey      = errors.New("key or topic is empty or too long")
	ErrTooLarge = errors.New("value is too large")
	// ErrFull is returned when the local member has as many keys or bytes as
	// Config allows. Nothing was changed; delete something first.
	ErrFull = errors.New("no room for more records")
	// ErrBusy is returned by Publish while the peers are too far behind. Nothing
	// was published; try again when Ready.Done has told of an earlier message.
	ErrBusy = errors.New("peers have not caught up with what was published")
)

// Core is one member's copy of everybody's records and what it means to do next.
type Core struct {
	cfg   Config
	epoch time.Time
	now   instant
	seed  maphash.Seed

	members
	self  *member
	gens  []uint64 // the local member's own generations, the present one last
	bytes int64    // of all copies

	own    own
	queue  queue
	acking []*member // owners whose log is to be acknowledged
	wanted []*member // owners of which there is news elsewhere
	held   bool      // see Hold

	nextGossip, lastGossip instant
	nextPull, nextAck      instant // or sooner, never later
	nextSync               instant
	nextProd               instant
	nextSweep              instant
	syncWith               *member // the peer that came up last

	streams  []*stream
	streamID uint64

	rand struct{ gossip, sync, ack *rand.Rand }

	ready   Ready
	drained bool
	scratch scratch
	stats   Stats
}

// scratch holds buffers whose contents live no longer than one call.
type scratch struct {
	targets []*member
	bytes   []byte
}

// New returns a core that knows nobody and owns nothing yet.
func New(now time.Time, cfg Config) (*Core, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, epoch: now, now: 1, seed: maphash.MakeSeed(), members: members{byName: make(map[string]*member)}}
	c.rand.gossip, c.rand.sync, c.rand.ack = newRand(cfg.Seed, 0), newRand(cfg.Seed, 1), newRand(cfg.Seed, 2)
	c.self = &member{name: cfg.Name, cur: newState(cfg.Generation, c.seed)}
	c.self.log = window{gen: cfg.Generation, known: true}
	c.gens = []uint64{cfg.Generation}
	c.add(c.self)
	if cfg.SyncInterval > 0 {
		c.nextSync = c.now.add(c.jitter(cfg.SyncInterval))
	}
	c.nextSweep = c.now.add(c.sweepInterval())
	return c, nil
}

// newRand returns the random stream of one purpose.
func newRand(seed, purpose uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, sketch.Hash(purpose)))
}

// jitter returns between three and five quarters of d.
func (c *Core) jitter(d time.Duration) time.Duration {
	return d - d/4 + time.Duration(c.rand.sync.Int64N(int64(d/2)+1))
}

// Deadline tells when Tick is next due.
func (c *Core) Deadline() (time.Time, bool) {
	d := never
	for _, at := range [...]instant{
		c.nextGossip, c.nextSync, c.nextProd, c.nextSweep, c.own.leases.due(), c.nextPull, c.nextAck, c.streamDue(),
	} {
		if at != never {
			sooner(&d, at)
		}
	}
	return c.time(d), d != never
}

// Tick does what is due at now.
func (c *Core) Tick(now time.Time) {
	c.advance(now)
	due := func(at instant) bool { return at != never && at <= c.now }
	if due(c.own.leases.due()) {
		c.expire()
	}
	if due(c.nextGossip) {
		c.gossip()
	}
	if due(c.streamDue()) {
		c.abandonStreams()
	}
	if due(c.nextPull) {
		c.pull()
	}
	if due(c.nextAck) {
		c.sendAcks()
	}
	if due(c.nextProd) {
		c.prod()
	}
	if due(c.nextSync) {
		c.startSync()
	}
	if due(c.nextSweep) {
		c.sweep()
	}
}

// sweepInterval paces what only has to happen now and then: forgetting
// deletions and old messages.
func (c *Core) sweepInterval() time.Duration { return min(c.cfg.TombstoneAge, c.cfg.LogAge) / 8 }

func (c *Core) sweep() {
	c.nextSweep = c.now.add(c.sweepInterval())
	c.collect()
	for _, m := range c.all {
		c.ageLog(m)
	}
}

func (c *Core) advance(now time.Time) {
	if c.drained {
		c.reset()
	}
	c.now = max(c.at(now), c.now)
}

// Ready returns what is to be done since the last call, each thing once.
func (c *Core) Ready() Ready {
	if c.drained {
		return Ready{}
	}
	c.drained = true
	return c.ready
}

// reset empties what Ready returned, keeping the memory of small ones.
func (c *Core) reset() {
	c.drained = false
	r := &c.ready
	*r = Ready{trim(r.Packets), trim(r.Streams), trim(r.Events), trim(r.Messages), trim(r.Done), trim(r.Expired)}
}

func trim[T any](s []T) []T {
	if cap(s) > readyKeep {
		return nil
	}
	clear(s)
	return s[:0]
}

const readyKeep = 32

// Stats returns the counters and gauges.
func (c *Core) Stats() Stats {
	s := c.stats
	s.Peers, s.Owners, s.Bytes = len(c.ups), len(c.all), c.bytes
	for _, m := range c.all {
		s.Keys += m.cur.live
		s.Tombstones += m.cur.graves
		s.LogEntries += len(m.log.entries)
		s.LogBytes += m.log.bytes
	}
	s.Unacked = c.self.log.end() - c.own.done
	s.Rumors, s.Streams, s.Wanted = len(c.queue.all), len(c.streams), len(c.wanted)
	return s
}
