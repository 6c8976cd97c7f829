package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// view is what the simulator has seen of one core's view of the others.
type view struct {
	members []seen // by the member's number
	gen     uint32
	present int // how many members are, itself included, by the events
	steps   uint32
	heard   map[string]bool
	worst   int // highest health score

	window           int64 // when the current second of counting began
	sent, received   int
	perWindow        int // ceiling on what is sent on one's own account
	stopping         bool
	ticking          bool // its core is handling a tick
	shortest         func(n int) time.Duration
	healthMax, limit int
}

// seen is one member in one view.
type seen struct {
	// By the events.
	present, suspected bool
	suspectedAt        int64 // on the node's clock
	shortest           time.Duration
	face               uint64 // what the last event showed of it

	// By looking.
	known bool
	gen   uint32
	inc   uint32
	state wire.State
	addr  netip.AddrPort
	since int64 // of the state, on the node's clock
}

// reset forgets the former life's view.
func (v *view) reset(cfg swim.Config) {
	*v = view{members: v.members[:0], window: -1}
	v.healthMax = cfg.AwarenessMax - 1
	v.limit = cfg.PacketSize - cfg.PacketOverhead
	v.shortest = func(n int) time.Duration {
		shortest, _ := swim.SuspicionBounds(cfg.SuspicionMult, cfg.SuspicionMaxTimeoutMult, n, max(cfg.ProbeInterval, time.Millisecond))
		return shortest
	}
	v.perWindow = ceiling(cfg)
}

// of returns what is seen of member k.
func (v *view) of(k int) *seen {
	for len(v.members) <= k {
		v.members = append(v.members, seen{})
	}
	return &v.members[k]
}

// number gives every name a number: its node's, or one of its own when flipped
// bits made it up.
func (c *Cluster) number(name string) int {
	k, ok := c.names[name]
	if !ok {
		k = len(c.names)
		c.names[name] = k
	}
	return k
}

// rank orders states of equal incarnation.
func rank(s wire.State) int {
	if s == wire.StateLeft {
		return int(wire.StateDead)
	}
	return int(s)
}

// face condenses what an update event is about.
func face(m *swim.Member) uint64 {
	h := fnvOffset
	h.bytes(m.Meta)
	a := m.Addr.Addr().As16()
	h.bytes(a[:])
	h.word(uint64(m.Addr.Port()))
	h.bytes(m.Versions[:])
	return uint64(h)
}

// observe folds an event into the view (invariants 6, 7 and 16).
func (c *Cluster) observe(n *node, e *swim.Event) {
	c.hash.word(uint64(c.now))
	c.hash.word(uint64(n.id)<<32 | uint64(e.Kind)<<24 | uint64(e.Member.State))
	c.hash.text(e.Member.Name)
	c.hash.word(uint64(e.Member.Incarnation))
	c.eventNote(n, e)
	switch e.Kind {
	case swim.EventAccused, swim.EventLeaving, swim.EventPing, swim.EventSilent, swim.EventStreamOnly,
		swim.EventCaps, swim.EventForgotten:
		return
	}
	if c.opts.Unchecked || e.Kind == swim.EventConflict {
		if e.Kind == swim.EventConflict {
			c.counts[Conflicts]++
		}
		return
	}
	k := c.number(e.Member.Name)
	if k == n.id {
		c.issued[k] = max(c.issued[k], e.Member.Incarnation)
		if e.Kind == swim.EventSuspect || e.Kind == swim.EventLeave && !n.leaving {
			c.violate(n, Refutes, "%v event about itself", e.Kind)
		}
	}
	s := n.of(k)
	if e.Kind == swim.EventJoin == s.present {
		c.violate(n, Fold, "%v event about %s, which was %s", e.Kind, e.Member.Name, presence(s.present))
	}
	face := face(&e.Member)
	switch e.Kind {
	case swim.EventJoin:
		if k != n.id {
			c.counts[Joins]++
		}
		if s.known && s.state == wire.StateDead {
			c.counts[Overridden]++
		}
		s.present, s.suspected, s.face = true, false, face
		n.present++
	case swim.EventUpdate:
		c.counts[Updates]++
		if s.face == face {
			c.violate(n, Fold, "update event about %s, of which nothing changed", e.Member.Name)
		}
		s.face = face
	case swim.EventSuspect:
		c.counts[Suspicions]++
		if s.suspected {
			c.violate(n, Fold, "second suspect event about %s", e.Member.Name)
		}
		s.suspected, s.suspectedAt = true, c.localNow(n)
		// As many are present as when the suspicion was raised: events come in
		// order.
		s.shortest = n.shortest(n.present)
	case swim.EventRecover:
		c.counts[Recoveries]++
		if !s.suspected {
			c.violate(n, Fold, "recover event about %s, which was not suspected", e.Member.Name)
		}
		s.suspected = false
	case swim.EventLeave:
		c.observeLeave(n, s, e)
	}
	c.progress(n, k, s, &e.Member)
}

func presence(present bool) string {
	if present {
		return "present"
	}
	return "absent"
}

// observeLeave checks who is said to have died or left, and by whom.
func (c *Cluster) observeLeave(n *node, s *seen, e *swim.Event) {
	m := &e.Member
	s.present = false
	n.present--
	switch own := e.From == m.Name; {
	case m.State == wire.StateLeft:
		if m.Name != n.name {
			c.counts[Departures]++
		}
		if k := c.number(m.Name); !c.hostile && (!own || k < len(c.nodes) && !c.nodes[k].left) {
			c.violate(n, Graceful, "%s is said to have left, by %q", m.Name, e.From)
		}
	case m.State != wire.StateDead:
		c.violate(n, Fold, "leave event about %s in state %d", m.Name, m.State)
	case own && !c.hostile:
		c.violate(n, Graceful, "%s left, but is said to have died", m.Name)
	default:
		c.counts[Deaths]++
		if e.From != "" { // otherwise another process has taken its place
			c.countFalse(m)
		}
	}
	if m.State == wire.StateDead && e.From == n.name && n.ticking {
		// A verdict of its own; one that comes in a packet is an echo of it.
		waited := time.Duration(c.localNow(n) - s.suspectedAt)
		if !s.suspected {
			c.violate(n, Verdict, "declares %s dead without having suspected it", m.Name)
		} else if waited < s.shortest {
			c.violate(n, Verdict, "declares %s dead after %v, before %v", m.Name, waited, s.shortest)
		}
	}
	s.suspected = false
}

// countFalse counts verdicts on processes that run.
func (c *Cluster) countFalse(m *swim.Member) {
	if k := c.names[m.Name]; k < len(c.nodes) && c.nodes[k].core != nil {
		c.counts[FalseDeaths]++
	}
}

// hear checks a user message (invariant 21).
func (c *Cluster) hear(n *node, m *swim.Message) {
	c.hash.bytes(m.Payload)
	if c.opts.Trace != nil {
		c.opts.Trace(Line{At: c.Now(), Kind: LineMessage, From: n.name, Text: fmt.Sprintf("hears %q", m.Payload)})
	}
	if !m.Rumor {
		return
	}
	c.counts[Rumors]++
	if n.heard == nil {
		n.heard = make(map[string]bool)
	}
	if n.heard[string(m.Payload)] && !c.hostile && !c.opts.Faults.Has(Corrupt) {
		c.violate(n, Once, "%q is delivered twice", m.Payload)
	}
	n.heard[string(m.Payload)] = true
}
