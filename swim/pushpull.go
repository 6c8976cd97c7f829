package swim

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"github.com/musterhq/muster/wire"
)

// pendingStream is what an exchange under way is for.
type pendingStream struct {
	kind  StreamKind
	seq   uint32 // of the probe
	join  bool
	fresh bool // this member knew nobody when it asked
	to    netip.AddrPort
	name  string // of the member, if it is to one
	found bool   // a ping of a lost member, to be followed by a push/pull

	sync     *reconciliation // of a StreamSync
	deadline instant
}

// errVetoed is what Done carries when the application refused a merge.
var errVetoed = errors.New("merge refused by the application")

// Join exchanges states with the member at addr and so enters its cluster.
// Ready.Done tells the outcome under the ID returned. A member that had left
// comes back under a new incarnation.
func (c *Core) Join(now time.Time, addr netip.AddrPort) uint64 {
	c.advance(now)
	if c.leave.left {
		c.rejoin()
	}
	return c.pushPull(addr, "", true)
}

// JoinNamed is Join for an address whose member's name is known, which only
// some transports care for.
func (c *Core) JoinNamed(now time.Time, addr netip.AddrPort, name string) uint64 {
	c.advance(now)
	if c.leave.left {
		c.rejoin()
	}
	return c.pushPull(addr, name, true)
}

func (c *Core) pushPull(to netip.AddrPort, name string, join bool) uint64 {
	p := pendingStream{kind: StreamPushPull, join: join, fresh: join && c.table.live == 0, to: to, name: name}
	return c.openStream(StreamPushPull, to, c.state(join), c.now.add(c.cfg.StreamTimeout), p)
}

func (c *Core) openStream(kind StreamKind, to netip.AddrPort, request []byte, deadline instant, p pendingStream) uint64 {
	c.streamID++
	p.deadline = deadline
	c.streams[c.streamID] = p
	c.ready.Streams = append(c.ready.Streams, Stream{
		ID: c.streamID, Kind: kind, To: to, Name: p.name, Request: request, Deadline: c.time(deadline), Join: p.join,
	})
	return c.streamID
}

// sync exchanges states with a random member every PushPullInterval, less often
// the larger the cluster: 1 + ceil(log2 n - 5) times the interval above 32.
func (c *Core) sync() {
	scale := 1
	if n := c.NumLive(); n > 32 {
		scale = bits.Len(uint(n-1)) - 4
	}
	c.nextSync = c.now.add(times(c.cfg.PushPullInterval, int64(scale)))
	if c.leave.left {
		return
	}
	if c.cfg.SelectTargets {
		c.askTargets(forSync)
		return
	}
	for _, id := range append([]memberID(nil), c.pickAlive(c.rand.sync, c.cfg.PushPullNodes, selfID)...) {
		c.syncWith(id)
	}
}

// state encodes all that this member knows, as a push/pull carries it.
func (c *Core) state(join bool) []byte {
	h := wire.PushPullHeader{Nodes: c.table.count, Join: join, Caps: c.caps()}
	b := h.Append(make([]byte, 0, 64+c.table.count*96))
	c.table.each(func(_ memberID, m *member) bool {
		s := m.nodeState()
		b = s.Append(b)
		return true
	})
	return b
}

// Serve answers a request that came in over a stream, with the message to send
// back; nil means to close without an answer. After the answer to a
// wire.TypeSync the same stream may bring another one. It keeps nothing of
// request.
func (c *Core) Serve(now time.Time, from netip.AddrPort, request []byte) (reply []byte, err error) {
	c.advance(now)
	if len(request) == 0 {
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: empty request", ErrMalformed)
	}
	switch t := wire.Type(request[0]); t {
	case wire.TypePing:
		return c.servePing(request[1:])
	case wire.TypePushPull:
		return c.servePushPull(from, request)
	case wire.TypeSync:
		return c.serveSync(from, request)
	default:
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: message type %d on a stream", ErrMalformed, t)
	}
}

func (c *Core) servePing(body []byte) ([]byte, error) {
	var p wire.Ping
	if err := p.Decode(body); err != nil {
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if p.Node != "" && p.Node != c.cfg.Name {
		return nil, c.ignored("ping for another member")
	}
	ack := wire.Ack{SeqNo: p.SeqNo}
	return ack.Append(nil), nil
}

// servePushPull answers with this member's state from before the merge, as
// memberlist does, and merges the other's.
func (c *Core) servePushPull(from netip.AddrPort, request []byte) ([]byte, error) {
	h, _, err := wire.DecodePushPull(request[1:], checkState)
	if err != nil {
		c.stats.Malformed++
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c.stats.PushPulls++
	reply := c.state(h.Join)
	err = c.merge(request, pendingAsk{join: h.Join, origin: origin{from: from, synced: true}})
	if errors.Is(err, errAsked) {
		err = nil // merged, or not, when the application has answered
	}
	return reply, err
}

func checkState(*wire.PushNodeState) error { return nil }

// StreamDone takes the outcome of a stream that Ready asked for: the message
// that came back, or why none did. What it returns is to be sent on the same
// stream, and StreamDone called again with the answer; nil means that the
// stream is over. It keeps nothing of reply.
func (c *Core) StreamDone(now time.Time, id uint64, reply []byte, err error) (next []byte) {
	c.advance(now)
	p, ok := c.streams[id]
	if !ok {
		return nil
	}
	if p.kind == StreamSync {
		return c.syncDone(id, p, reply, err)
	}
	delete(c.streams, id)
	if p.kind == StreamPing && p.found {
		if err == nil && ackOf(reply, p.seq) {
			c.foundAgain(p)
		}
		return nil
	}
	if p.kind == StreamPing {
		c.streamPinged(p.seq, err == nil && ackOf(reply, p.seq))
		return nil
	}
	if err == nil {
		err = c.pushPullReply(id, p, reply)
		if errors.Is(err, errAsked) {
			return nil
		}
	}
	c.ready.Done = append(c.ready.Done, Done{ID: id, Err: err})
	return nil
}

// follow brings the next push/pull forward when this one brought news, for
// where there was some there may be more: members that join at the same time
// through the same seed learn of each other by gossip, which may miss one of
// hundreds, or by this. It backs off, and goes back to the usual pace after a few
// in a row that brought none.
func (c *Core) follow(news bool) {
	if c.cfg.PushPullInterval <= 0 || !news && c.resync == 0 {
		return
	}
	if news {
		c.settled = 0
		c.resync = min(max(2*c.resync, resyncFirst), c.cfg.PushPullInterval)
	} else if c.settled++; c.settled > settledAfter {
		c.resync = 0
		return
	}
	at := c.now.add(c.resync/2 + time.Duration(c.rand.sync.Int64N(int64(c.resync))))
	if c.nextSync == never || at < c.nextSync {
		c.nextSync = at
	}
}

// settledAfter is how many push/pulls without news may still be followed: one
// may have asked a member that missed the same.
const settledAfter = 2

// resyncFirst is how soon, on average, a newcomer asks a second member.
const resyncFirst = time.Second

func ackOf(reply []byte, seq uint32) bool {
	var a wire.Ack
	return len(reply) > 0 && wire.Type(reply[0]) == wire.TypeAck && a.Decode(reply[1:]) == nil && a.SeqNo == seq
}

// refusal is the error that an answer is.
func refusal(reply []byte) error {
	if len(reply) == 0 {
		return fmt.Errorf("%w: empty reply", ErrMalformed)
	}
	if wire.Type(reply[0]) != wire.TypeError {
		return nil
	}
	var e wire.Error
	if err := e.Decode(reply[1:]); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return fmt.Errorf("refused by the other side: %q", e.Error)
}

func (c *Core) pushPullReply(id uint64, p pendingStream, reply []byte) error {
	if err := refusal(reply); err != nil {
		return err
	}
	if wire.Type(reply[0]) != wire.TypePushPull {
		return fmt.Errorf("%w: message type %d in answer to a push/pull", ErrMalformed, reply[0])
	}
	if _, _, err := wire.DecodePushPull(reply[1:], checkState); err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	c.stats.PushPulls++
	before := c.changes
	defer func() { c.follow(c.changes != before) }()
	// What a newcomer learns, most others know already: were it to gossip that
	// on in full, a wave of n joins would send n^2 broadcasts that often.
	o := origin{from: p.to, synced: true, quiet: p.fresh}
	return c.merge(reply, pendingAsk{join: p.join, stream: id, origin: o})
}

// merge takes over the other's state, once the application, if it wants to be
// asked about a joining one, has agreed.
func (c *Core) merge(msg []byte, p pendingAsk) error {
	if c.cfg.VetMerge && p.join {
		return c.askMerge(msg, p)
	}
	c.mergeNow(msg, p.origin)
	return nil
}

func (c *Core) mergeNow(msg []byte, o origin) {
	c.heard = c.now
	var head wire.PushPullHeader
	if err := head.Decode(msg[1:]); err == nil && head.Nodes > c.table.count {
		// Each that is not known yet is an event: growing step by step would
		// copy them over and over. What is claimed is not believed beyond reason.
		c.ready.Events = slices.Grow(c.ready.Events, min(head.Nodes-c.table.count, 1<<14))
	}
	h, user, err := wire.DecodePushPull(msg[1:], func(s *wire.PushNodeState) error {
		c.mergeState(s, o)
		return nil
	})
	if err != nil {
		panic("swim: a push/pull that decoded once does not decode again: " + err.Error())
	}
	if len(user) > 0 {
		c.ready.States = append(c.ready.States, UserState{From: o.from, Join: h.Join, Data: append([]byte(nil), user...)})
	}
}

// complete adds what a memberlist member that passed on the news of this one
// could not.
func (c *Core) complete(id memberID, s *wire.PushNodeState) {
	c.learnCaps(id, s.Caps)
	m := c.table.at(id)
	if m.id == 0 && s.ID != 0 && m.live() && Related(s.Namespace, c.cfg.Namespace) && ValidNamespace(s.Namespace) && len(s.Alias) <= wire.MaxAlias {
		c.table.setProfile(m, m.prof.meta, m.prof.versions, s.About)
		c.changes++
	}
}

// mergeState takes one member's state. What the other side holds dead is only
// suspected here: the member gets its chance to refute (memberlist's rule).
// The errors tell what the rules leave without effect, and are counted.
func (c *Core) mergeState(s *wire.PushNodeState, o origin) {
	if id, ok := c.table.find(s.Name); ok && id != selfID {
		// Nearly all is known already; that must cost next to nothing.
		m := c.table.at(id)
		if m.inc == s.Incarnation && m.state == s.State && m.port == s.Port && (s.ID == 0 || m.id == 0 || s.ID == m.id) {
			if s.State != wire.StateAlive || m.ip == s.Addr.As16() {
				c.complete(id, s)
				return
			}
		}
	}
	switch s.State {
	case wire.StateAlive:
		a := wire.Alive{
			Incarnation: s.Incarnation, Node: s.Name, Addr: s.Addr, Port: s.Port,
			Meta: s.Meta, Versions: s.Versions, Caps: s.Caps, About: s.About,
		}
		_ = c.alive(&a, o)
	case wire.StateLeft:
		d := wire.Dead{Incarnation: s.Incarnation, Node: s.Name, From: s.Name}
		_ = c.dead(&d)
	default:
		sus := wire.Suspect{Incarnation: s.Incarnation, Node: s.Name, From: c.table.at(selfID).name}
		_ = c.suspect(&sus)
	}
}
