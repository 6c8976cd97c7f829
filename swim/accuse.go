package swim

import (
	"slices"
	"strings"

	"github.com/musterhq/muster/wire"
)

// refute outbids an accusation of this member (SWIM section 4.2). It costs
// health: whoever is accused probably gave cause (Lifeguard section 3.1).
func (c *Core) refute(accused uint32, by string, as wire.State) {
	c.outbid(accused)
	c.event(Event{Kind: EventAccused, Member: c.export(selfID), From: strings.Clone(by), As: as})
	c.changes++
	c.stats.Refutations++
	c.adjustHealth(+1)
	c.announce(selfID)
}

// outbid makes this member's incarnation higher than inc and its last one.
func (c *Core) outbid(inc uint32) {
	self := c.table.at(selfID)
	self.inc = max(self.inc, inc)
	if self.inc >= incMax {
		// Used up, by thousands of forgeries: newcomers would not believe more.
		// The others hold this member dead, forget it and its incarnation in
		// time (see reap), and then counting from one again is news to them.
		self.inc = 0
	}
	self.inc++
}

// suspect takes an accusation.
func (c *Core) suspect(s *wire.Suspect) error {
	id, known := c.table.find(s.Node)
	if !known {
		return c.ignored("suspicion of a stranger")
	}
	if len(s.From) > NameMax {
		return c.longAccuser()
	}
	m := c.table.at(id)
	switch {
	case s.Incarnation < m.inc:
		return c.ignored("suspicion is refuted already")
	case !plausible(s.Incarnation, m.inc):
		return c.implausible()
	case id == selfID:
		return c.accused(s.Incarnation, s.From, wire.StateSuspect)
	}
	if running := c.suspects[id]; running != nil {
		if !c.confirm(id, running, s.From) {
			return c.ignored("suspicion is known")
		}
		m.inc = s.Incarnation
		c.changes++
		c.passOn(id, func(b []byte) []byte { return s.Append(b) })
		return nil
	}
	if m.state != wire.StateAlive {
		return c.ignored("suspicion of the dead")
	}
	c.changes++
	m.inc = s.Incarnation
	c.table.setState(id, wire.StateSuspect, c.now)
	c.raise(id, c.nameOf(s.From))
	c.passOn(id, func(b []byte) []byte { return s.Append(b) })
	c.event(Event{Kind: EventSuspect, Member: c.export(id), From: c.nameOf(s.From)})
	return nil
}

// longAccuser refuses what could not be passed on: it would not fit a packet.
func (c *Core) longAccuser() error {
	c.stats.Refused++
	return refused("accuser's name is out of bounds")
}

// accuse raises or confirms a suspicion of this member's own, of a member as it
// was at inc.
func (c *Core) accuse(id memberID, inc uint32) {
	m := c.table.at(id)
	s := wire.Suspect{Incarnation: inc, Node: m.name, From: c.table.at(selfID).name}
	if err := c.suspect(&s); err != nil && !isIgnored(err) {
		panic("swim: own accusation refused: " + err.Error())
	}
}

func (c *Core) accused(inc uint32, by string, as wire.State) error {
	if c.leave.left {
		return c.ignored("accused after leaving")
	}
	c.refute(inc, by, as)
	return nil
}

// dead takes a verdict, or the intent to leave of the member itself.
func (c *Core) dead(d *wire.Dead) error {
	id, known := c.table.find(d.Node)
	if !known {
		return c.ignored("death of a stranger")
	}
	if len(d.From) > NameMax {
		return c.longAccuser()
	}
	m := c.table.at(id)
	switch {
	case d.Incarnation < m.inc:
		return c.ignored("death is refuted already")
	case !plausible(d.Incarnation, m.inc):
		return c.implausible()
	case id == selfID:
		return c.accused(d.Incarnation, d.From, wire.StateDead)
	case !m.live():
		// Remember the highest: an older alive must not resurrect it.
		m.inc = d.Incarnation
		c.changes++
		return c.ignored("death is known")
	}
	c.bury(id, d)
	return nil
}

// bury makes a live member dead, or left when it said so itself.
func (c *Core) bury(id memberID, d *wire.Dead) {
	m, confirmations := c.table.at(id), 0
	if s := c.suspects[id]; s != nil {
		confirmations = len(s.accusers) - 1
		delete(c.suspects, id)
	}
	c.changes++
	m.inc = d.Incarnation
	state := wire.StateDead
	if d.From == d.Node {
		state = wire.StateLeft
	} else {
		c.stats.Deaths++
	}
	c.table.setState(id, state, c.now)
	c.passOn(id, func(b []byte) []byte { return d.Append(b) })
	c.event(Event{Kind: EventLeave, Member: c.export(id), From: c.nameOf(d.From), OldMeta: m.prof.meta, Confirmations: confirmations})
	if c.nextReap == never {
		c.nextReap = c.now.add(c.reapEvery())
	}
}

func (c *Core) passOn(id memberID, encode func([]byte) []byte) {
	b := c.queue.add(uint64(id))
	b.msg = encode(slices.Grow(b.msg, 96))
	c.queue.sized(b)
	c.wantGossip()
}
