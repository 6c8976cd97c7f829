package swim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// probe is the one probe that may be in flight (SWIM section 3.1).
type probe struct {
	active   bool
	seq      uint32
	target   memberID
	inc      uint32 // of the target when it was pinged
	started  instant
	askAt    instant // when other members are asked, never once they were
	end      instant
	nacksDue int // relays that promised a nack
	nacks    int
	stream   streamOutcome
	lag      time.Duration // by how much this member was late meanwhile
}

type streamOutcome uint8

const (
	streamNone streamOutcome = iota
	streamPending
	streamFailed
)

func (p *probe) due() instant {
	if !p.active {
		return never
	}
	if p.askAt != never {
		return p.askAt
	}
	return p.end
}

// lateNacks keeps the account of a failed probe open, since a relay that gives
// its own ping the full probe timeout, as memberlist does, can only answer
// after the prober has concluded. Lifeguard's health score must not pay for it.
type lateNacks struct {
	seq      uint32
	due, got int
}

// startProbe pings the next member of the round. Every member that stays is
// probed once per round, in a new random order each time (section 4.3).
func (c *Core) startProbe() {
	periods := int64(c.now-c.nextProbe)/int64(c.cfg.ProbeInterval) + 1
	c.nextProbe += instant(periods) * instant(c.cfg.ProbeInterval)
	if c.probe.active {
		return // a probe lengthened by poor local health takes further periods
	}
	id, ok := c.nextTarget()
	if !ok {
		return
	}
	m := c.table.at(id)
	c.stats.Probes++
	c.probe = probe{
		active: true, seq: c.nextSeq(), target: id, inc: m.inc, started: c.now,
		askAt: c.now.add(c.cfg.ProbeTimeout),
		end:   c.now.add(times(c.cfg.ProbeInterval, int64(c.awareness+1))),
	}
	c.pingMember(id, c.probe.seq)
}

// nextTarget walks the round, past those that are dead or have left.
func (c *Core) nextTarget() (memberID, bool) {
	for pass := 0; pass < 2; pass++ {
		for c.next < len(c.order) {
			id := c.order[c.next]
			c.next++
			if c.table.at(id).live() {
				return id, true
			}
		}
		c.next = 0
		c.rand.probe.Shuffle(len(c.order), func(i, j int) { c.order[i], c.order[j] = c.order[j], c.order[i] })
	}
	return 0, false
}

// enterRound puts a new member at a random place of what is left of the round.
func (c *Core) enterRound(id memberID) {
	c.order = appendTight(c.order, id)
	last := len(c.order) - 1
	i := c.next + c.rand.probe.IntN(last-c.next+1)
	c.order[i], c.order[last] = c.order[last], c.order[i]
}

// pingMember pings, and tells a member that is under suspicion so at once, so
// that it can refute: Lifeguard's buddy system.
func (c *Core) pingMember(id memberID, seq uint32) {
	m, self := c.table.at(id), c.table.at(selfID)
	p := wire.Ping{
		SeqNo: seq, Node: m.name, Caps: c.caps(),
		SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name,
	}
	c.scratch.msg = p.Append(c.scratch.msg[:0])
	if m.state == wire.StateAlive {
		c.post(id, c.scratch.msg)
		return
	}
	cut := len(c.scratch.msg)
	s := wire.Suspect{Incarnation: m.inc, Node: m.name, From: self.name}
	c.scratch.msg = s.Append(c.scratch.msg)
	c.post(id, c.scratch.msg[:cut:cut], c.scratch.msg[cut:])
}

// probeDue goes on with the probe: ask others first, conclude at its end.
func (c *Core) probeDue() {
	if c.probe.askAt != never && c.now < c.probe.end {
		c.askOthers()
		return
	}
	c.concludeProbe()
}

// askOthers asks IndirectChecks alive members to ping the target, and tries a
// stream itself: a network that loses datagrams may still carry those.
func (c *Core) askOthers() {
	p := &c.probe
	p.askAt = never
	m, self := c.table.at(p.target), c.table.at(selfID)
	c.stats.IndirectProbes++
	c.event(Event{Kind: EventSilent, Member: c.export(p.target)})
	for _, id := range c.pickAlive(c.rand.relay, c.cfg.IndirectChecks, p.target) {
		relay := c.table.at(id)
		nacks := relay.prof.versions[1] >= 4
		if nacks {
			p.nacksDue++
		}
		req := wire.IndirectPing{
			SeqNo: p.seq, Target: m.addr().Addr(), Port: m.port, Node: m.name, Nack: nacks, Caps: c.caps(),
			SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name,
		}
		c.scratch.msg = req.Append(c.scratch.msg[:0])
		c.post(id, c.scratch.msg)
	}
	if m.prof.versions[1] >= 3 && !c.noStreamPing(m.name) {
		p.stream = streamPending
		c.stats.StreamPings++
		ping := wire.Ping{SeqNo: p.seq, Node: m.name, SourceAddr: self.addr().Addr(), SourcePort: self.port, SourceNode: self.name}
		c.openStream(StreamPing, m.addr(), ping.Append(nil), p.end, pendingStream{kind: StreamPing, seq: p.seq, name: m.name})
	}
}

// pickAlive chooses up to k alive members other than not.
func (c *Core) pickAlive(r *rand.Rand, k int, not memberID) []memberID {
	t := c.table
	ids := c.scratch.targets[:0]
	for tries := 0; len(ids) < k && tries < 4*k+8 && t.live > 0; tries++ {
		if id := t.ring[r.IntN(t.live)]; id != not && t.at(id).state == wire.StateAlive {
			ids = appendNew(ids, id)
		}
	}
	// Few are alive among the live, or few at all: look at each, from a random
	// place, rather than draw for ever.
	for i, at := 0, 0; len(ids) < k && i < t.live; i++ {
		if i == 0 {
			at = r.IntN(t.live)
		}
		if id := t.ring[(at+i)%t.live]; id != not && t.at(id).state == wire.StateAlive {
			ids = appendNew(ids, id)
		}
	}
	c.scratch.targets = ids
	return ids
}

// acked takes an ack to the probe, to a relayed ping or to a leave. Sequence
// numbers start at random, so an ack that matches answers a ping of ours.
func (c *Core) acked(a *wire.Ack) error {
	switch {
	case c.probe.active && a.SeqNo == c.probe.seq:
		c.probeAcked(a)
	case c.leave.confirm(a.SeqNo):
		c.checkLeave()
	case c.pingDone(a.SeqNo, nil):
	default:
		return c.relayAck(a)
	}
	return nil
}

func (c *Core) probeAcked(a *wire.Ack) {
	p := &c.probe
	p.active = false
	c.adjustHealth(-1)
	if m := c.table.at(p.target); c.cfg.ReportRTT && p.askAt != never && m.name != "" {
		c.event(Event{
			Kind: EventPing, Member: c.export(p.target),
			RTT: time.Duration(c.now - p.started), Payload: append([]byte(nil), a.Payload...),
		})
	}
}

func (c *Core) nacked(seq uint32) error {
	if p := &c.probe; p.active && seq == p.seq && p.nacks < p.nacksDue {
		p.nacks++
		c.concludeEarly()
		return nil
	}
	for i := range c.late {
		if l := &c.late[i]; l.seq == seq && l.got < l.due {
			l.got++
			return nil
		}
	}
	return c.ignored("nack without a probe")
}

// concludeEarly ends a probe that can only fail: every relay has said no and
// the stream was refused. Waiting out the period would tell nothing more.
func (c *Core) concludeEarly() {
	p := &c.probe
	streamOver := p.stream == streamFailed || p.stream == streamNone
	if p.active && p.nacksDue > 0 && p.nacks == p.nacksDue && streamOver {
		c.concludeProbe()
	}
}

func (c *Core) noStreamPing(name string) bool {
	return c.cfg.NoStreamPing || c.cfg.NoStreamPingFor != nil && c.cfg.NoStreamPingFor(name)
}

// streamPinged takes the outcome of the probe's stream.
func (c *Core) streamPinged(seq uint32, ok bool) {
	p := &c.probe
	if !p.active || p.seq != seq {
		return
	}
	if ok {
		p.active = false
		c.adjustHealth(-1)
		if c.table.at(p.target).name != "" {
			c.event(Event{Kind: EventStreamOnly, Member: c.export(p.target)})
		}
		return
	}
	p.stream = streamFailed
	c.concludeEarly()
}

// concludeProbe makes a suspect of a member that nobody could reach.
func (c *Core) concludeProbe() {
	p := c.probe
	c.probe.active = false
	m := c.table.at(p.target)
	if m.name == "" || !m.live() {
		return // it died or left meanwhile
	}
	c.stats.ProbesFailed++
	switch missing := p.nacksDue - p.nacks; {
	case p.nacksDue == 0:
		c.adjustHealth(+1)
	case missing > 0:
		c.late = append(c.late, lateNacks{p.seq, missing, 0})
		c.timers.push(timer{c.now.add(c.cfg.ProbeTimeout / 2), timerLateNack, p.seq})
	}
	if p.lag > c.cfg.ProbeTimeout/lagShare {
		// This member could not keep its own time; the answer may be waiting
		// unread. It takes that as a sign of its own health, not the target's.
		c.adjustHealth(+1)
		return
	}
	c.accuse(p.target, p.inc)
}

// lagShare is the part of the probe timeout by which a prober may be late and
// still be a judge of others.
const lagShare = 2

// countLateNacks closes the account: relays that never answered, not even with
// a nack, hint that the trouble is here (Lifeguard section 3.1).
func (c *Core) countLateNacks(seq uint32) {
	for i, l := range c.late {
		if l.seq == seq {
			c.late = append(c.late[:i], c.late[i+1:]...)
			c.adjustHealth(l.due - l.got)
			return
		}
	}
}

// adjustHealth moves Lifeguard's local health score within [0, AwarenessMax-1].
func (c *Core) adjustHealth(delta int) {
	c.awareness = min(max(c.awareness+delta, 0), c.cfg.AwarenessMax-1)
}

// Unreachable tells that a packet could not even be sent. A probe of that
// address then need not wait for its time-out to ask others.
func (c *Core) Unreachable(now time.Time, to netip.AddrPort) {
	c.advance(now)
	if p := &c.probe; p.active && p.askAt != never && c.table.at(p.target).addr() == to {
		c.askOthers()
	}
}
