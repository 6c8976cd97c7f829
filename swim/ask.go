package swim

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/musterhq/muster/wire"
)

// pendingAsk is what waits for the application's answer.
type pendingAsk struct {
	kind   AskKind
	alive  *wire.Alive
	state  []byte // a push/pull
	stream uint64 // whose Done the merge is, 0 for none
	join   bool
	origin origin
	why    purpose // of an AskTargets
}

// asksMax bounds what waits. What does not fit is dropped, as a lost packet
// would be: gossip and push/pull bring it again.
const (
	asksMax   = 4096
	asksBytes = 64 << 20 // of push/pulls, of which one always fits
)

// errAsked says that an answer is awaited.
var errAsked = errors.New("waiting for the application")

func (c *Core) ask(a Ask, p pendingAsk) bool {
	if len(c.asks) >= asksMax || c.askBytes > 0 && c.askBytes+len(p.state) > asksBytes {
		return false
	}
	c.askBytes += len(p.state)
	c.askID++
	a.ID, p.kind = c.askID, a.Kind
	c.asks[a.ID] = p
	c.ready.Asks = append(c.ready.Asks, a)
	return true
}

// askAlive puts a member's acceptance to the application, and tells whether the
// caller is to stop here.
func (c *Core) askAlive(a *wire.Alive, o origin) bool {
	if !c.cfg.VetAlive || o.vetted {
		return false
	}
	own := *a
	own.Node = string(append([]byte(nil), a.Node...))
	own.Meta = append([]byte(nil), a.Meta...)
	own.Alias, own.Namespace = strings.Clone(a.Alias), strings.Clone(a.Namespace)
	m := Member{
		Name: own.Node, Addr: netip.AddrPortFrom(a.Addr.Unmap(), a.Port), State: wire.StateAlive,
		Incarnation: a.Incarnation, Meta: own.Meta, Versions: a.Versions, Caps: a.Caps, Since: c.time(c.now),
		ID: a.ID, Alias: own.Alias, Namespace: own.Namespace, Leaving: a.Leaving,
	}
	c.ask(Ask{Kind: AskAlive, Members: []Member{m}}, pendingAsk{alive: &own, origin: o})
	return true
}

func (c *Core) askMerge(msg []byte, p pendingAsk) error {
	p.state = append([]byte(nil), msg...)
	var peers []Member
	_, _, err := wire.DecodePushPull(p.state[1:], func(s *wire.PushNodeState) error {
		peers = append(peers, Member{
			Name: s.Name, Addr: netip.AddrPortFrom(s.Addr, s.Port), State: s.State,
			Incarnation: s.Incarnation, Meta: s.Meta, Versions: s.Versions, Caps: s.Caps,
			ID: s.ID, Alias: s.Alias, Namespace: s.Namespace, Leaving: s.Leaving,
		})
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !c.ask(Ask{Kind: AskMerge, Members: peers}, p) {
		return errors.New("too many merges wait for the application")
	}
	return errAsked
}

// AnswerBroadcasts takes the answer to an AskBroadcasts: the messages for each
// target, which are copied.
func (c *Core) AnswerBroadcasts(now time.Time, id uint64, msgs [][][]byte) {
	c.advance(now)
	if p, ok := c.asks[id]; ok && p.kind == AskBroadcasts {
		delete(c.asks, id)
		c.gossipUser(msgs)
	}
}

// Answer takes the answer to an AskAlive or AskMerge: veto is nil for consent.
func (c *Core) Answer(now time.Time, id uint64, veto error) {
	c.advance(now)
	p, ok := c.asks[id]
	if !ok || p.kind != AskAlive && p.kind != AskMerge {
		return
	}
	delete(c.asks, id)
	c.askBytes -= len(p.state)
	switch p.kind {
	case AskAlive:
		if veto != nil {
			c.stats.Refused++
			return
		}
		p.origin.vetted = true
		_ = c.alive(p.alive, p.origin) // without effect if the world moved on; counted
	case AskMerge:
		if veto == nil {
			c.mergeNow(p.state, p.origin)
		} else {
			c.stats.Refused++
			veto = fmt.Errorf("%w: %w", errVetoed, veto)
		}
		if p.stream != 0 {
			c.ready.Done = append(c.ready.Done, Done{ID: p.stream, Err: veto})
		}
	}
}

// gossipUser sends the application's own broadcasts to a few members, to each
// what was given for it.
func (c *Core) gossipUser(msgs [][][]byte) {
	batches := make([][][]byte, 0, len(msgs))
	for _, m := range msgs {
		if parts := c.userParts(m); len(parts) > 0 {
			batches = append(batches, parts)
		}
	}
	if len(batches) == 0 {
		return
	}
	if c.cfg.SelectTargets {
		c.held = batches // until it is known whom they may go to
		c.askTargets(forGossip)
		return
	}
	targets, _ := c.pickGossip()
	c.gossipBatches(targets, batches)
}

// userParts makes user messages of as many as fit a packet.
func (c *Core) userParts(msgs [][]byte) [][]byte {
	parts := make([][]byte, 0, len(msgs))
	room := c.room() - headOverhead
	for _, m := range msgs {
		if room -= partOverhead + 1 + len(m); room < 0 || len(parts) == partsMax {
			break
		}
		parts = append(parts, wire.AppendUser(nil, m))
	}
	return parts
}

// gossipBatches gives each target a batch; what is left over for want of
// targets goes to the last.
func (c *Core) gossipBatches(targets []memberID, batches [][][]byte) {
	for i, parts := range batches {
		if len(targets) == 0 {
			return
		}
		id := targets[min(i, len(targets)-1)]
		for _, data := range c.pack(nil, parts) {
			c.emit(c.table.at(id), [][]byte{data})
		}
	}
}
