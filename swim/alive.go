package swim

import (
	"net/netip"
	"slices"

	"github.com/musterhq/muster/wire"
)

// jumpMax is by how much an incarnation may exceed the last one known. A member
// raises its own only to refute, so more than that is a forgery; taken at face
// value, 2^32-1 would leave its victim nothing to refute with.
const jumpMax = 1 << 20

// incMax is the largest incarnation accepted from an unknown member; above it
// a member could not refute jumpMax times.
const incMax = 1<<32 - 1 - jumpMax

// plausible says whether inc may follow known.
func plausible(inc, known uint32) bool {
	return inc <= known || inc-known <= jumpMax
}

func (c *Core) implausible() error {
	c.stats.Implausible++
	return ErrImplausible
}

// origin says how news came in.
type origin struct {
	from   netip.AddrPort
	synced bool // by push/pull
	quiet  bool // to be passed on once, not in full
	vetted bool // the application has agreed
}

// alive takes the announcement of a member (SWIM section 4.2, and what
// memberlist adds to it: conflicts, reclaim, versions).
func (c *Core) alive(a *wire.Alive, o origin) error {
	if v := a.Versions; v[0] == 0 || v[1] == 0 || v[0] > v[1] {
		c.stats.Refused++
		return refused("protocol versions make no sense")
	}
	id, known := c.table.find(a.Node)
	if known && id == selfID {
		return c.aliveSelf(a)
	}
	if known {
		return c.aliveKnown(id, a, o)
	}
	if err := c.admit(a, o); err != nil {
		return err
	}
	if c.table.count >= tableMax {
		c.stats.Refused++
		return refused("table is full")
	}
	if a.Incarnation > incMax {
		return c.implausible()
	}
	if l := c.lost.find(a.Node); l != nil && a.Incarnation <= l.inc {
		c.tell(l.name, l.inc, netip.AddrPortFrom(a.Addr, a.Port), o)
		return c.ignored("alive from before its death")
	}
	if c.askAlive(a, o) {
		return nil
	}
	id = c.table.insert(a.Node)
	c.enterRound(id)
	c.lost.remove(a.Node)
	c.accept(id, a, o)
	return nil
}

// admit checks what an address must fulfil.
func (c *Core) admit(a *wire.Alive, o origin) error {
	addr := a.Addr.Unmap()
	switch {
	case !Related(a.Namespace, c.cfg.Namespace):
		return c.ignored("member of another namespace")
	case !addr.IsValid() || addr.IsUnspecified() || a.Port == 0 || a.Node == "" || len(a.Node) > NameMax || len(a.Meta) > MetaMax:
		c.stats.Refused++
		return refused("name, address or metadata out of bounds")
	case len(a.Alias) > wire.MaxAlias || !ValidNamespace(a.Namespace):
		c.stats.Refused++
		return refused("alias or namespace out of bounds")
	case !compatible(a.Versions, c.table.at(selfID).prof.versions):
		c.stats.Refused++
		return refused("protocol or delegate versions do not overlap")
	case !c.allowed(addr) || !o.synced && o.from.IsValid() && !c.allowed(o.from.Addr().Unmap()):
		c.stats.Refused++
		return refused("address outside the allowed networks")
	}
	return nil
}

type refused string

func (e refused) Error() string        { return ErrRefused.Error() + ": " + string(e) }
func (e refused) Is(target error) bool { return target == ErrRefused }

// compatible says whether each speaks what the other understands. Unlike
// memberlist, which refuses a whole push/pull for one such member, muster
// refuses that member alone: it must not keep everybody from joining.
func compatible(a, b wire.Versions) bool {
	return a[2] >= b[0] && a[2] <= b[1] && b[2] >= a[0] && b[2] <= a[1] &&
		a[5] >= b[3] && a[5] <= b[4] && b[5] >= a[3] && b[5] <= a[4]
}

func (c *Core) allowed(a netip.Addr) bool {
	if c.cfg.AllowedCIDRs == nil {
		return true
	}
	return slices.ContainsFunc(c.cfg.AllowedCIDRs, func(p netip.Prefix) bool { return p.Contains(a) })
}

// aliveSelf hears others speak of this member.
func (c *Core) aliveSelf(a *wire.Alive) error {
	self := c.table.at(selfID)
	if addr := netip.AddrPortFrom(a.Addr, a.Port); addr != self.addr() {
		return c.conflict(self, a)
	}
	switch {
	case c.leave.left || a.Incarnation < self.inc:
		return c.ignored("old news of this member")
	case a.Incarnation == self.inc && string(a.Meta) == string(self.prof.meta) && a.Versions == self.prof.versions &&
		(a.ID == 0 || a.ID == self.id):
		return c.ignored("known of this member")
	case !plausible(a.Incarnation, self.inc):
		return c.implausible()
	}
	// It has other metadata, or was said by a former process under this name.
	c.refute(a.Incarnation, "", wire.StateAlive)
	return nil
}

// aliveKnown takes news of a member in the table.
func (c *Core) aliveKnown(id memberID, a *wire.Alive, o origin) error {
	m := c.table.at(id)
	addr, reclaim := netip.AddrPortFrom(a.Addr, a.Port), false
	if addr != m.addr() {
		old := c.cfg.DeadNodeReclaim > 0 && m.state == wire.StateDead && c.now >= m.since.instant().add(c.cfg.DeadNodeReclaim)
		if m.state != wire.StateLeft && !old {
			return c.conflict(m, a)
		}
		reclaim = true
	}
	if a.Incarnation == m.inc && addr == m.addr() {
		c.learnCaps(id, a.Caps)
		c.echo(id)
	}
	switch {
	case a.Incarnation <= m.inc && !reclaim:
		if !m.live() {
			c.tell(m.name, m.inc, addr, o)
		}
		return c.ignored("alive is not news")
	case !plausible(a.Incarnation, m.inc):
		return c.implausible()
	}
	if err := c.admit(a, o); err != nil {
		return err
	}
	if c.askAlive(a, o) {
		return nil
	}
	if a.Incarnation <= m.inc {
		// Whoever took the name over must outbid what is still said of its
		// former owner.
		c.tell(m.name, m.inc, addr, o)
	}
	c.accept(id, a, o)
	return nil
}

// learnCaps takes in what a member is heard to understand.
func (c *Core) learnCaps(id memberID, caps wire.Caps) {
	m := c.table.at(id)
	if caps&^m.caps == 0 {
		return
	}
	m.caps |= caps
	c.changes++
	if m.live() {
		c.event(Event{Kind: EventCaps, Member: c.export(id)})
	}
}

// echo notes that somebody else passes on what waits here about a member. While
// more waits than fits a packet, in a wave of joins, that spares the others one
// more copy; what a few then miss, the push/pulls that follow a join bring.
func (c *Core) echo(id memberID) {
	if c.queue.bytes > c.room() {
		c.queue.heard(uint64(id), func(b *broadcast) bool { return wire.Type(b.msg[0]) == wire.TypeAlive }, c.transmitLimit())
	}
}

// accept makes the member what the announcement says, and passes it on.
func (c *Core) accept(id memberID, a *wire.Alive, o origin) {
	m := c.table.at(id)
	before := *m
	c.changes++
	delete(c.suspects, id)
	m.inc = a.Incarnation
	m.setAddr(a.Addr.Unmap(), a.Port)
	about := a.About
	if m.caps = a.Caps; a.Caps == 0 && about.ID == 0 && before.live() {
		about, m.caps = before.about(), before.caps // a memberlist member that passed it on has lost them
	}
	restarted := before.live() && before.id != 0 && before.id != about.ID
	if restarted {
		// Another process has taken the place of the one that was known.
		c.stats.Deaths++
		gone := c.exportRow(&before)
		gone.State = wire.StateDead
		c.event(Event{Kind: EventLeave, Member: gone, OldMeta: gone.Meta})
		before.state = wire.StateDead
	}
	c.table.setProfile(m, a.Meta, a.Versions, about)
	if m.state != wire.StateAlive {
		c.table.setState(id, wire.StateAlive, c.now)
	}
	b := c.announce(id)
	if o.quiet {
		b.sent = max(0, c.transmitLimit()-c.cfg.GossipNodes) // one round is enough
	}
	switch {
	case !before.live():
		c.event(Event{Kind: EventJoin, Member: c.export(id)})
	case before.state == wire.StateSuspect:
		c.event(Event{Kind: EventRecover, Member: c.export(id)})
	}
	if before.live() && (before.prof != m.prof && !onlyLeaving(before.prof, m.prof) || before.ip != m.ip || before.port != m.port) {
		c.event(Event{Kind: EventUpdate, Member: c.export(id), OldMeta: before.prof.meta})
	}
	if m.prof.leaving && (!before.live() || !before.prof.leaving) {
		c.event(Event{Kind: EventLeaving, Member: c.export(id), OldMeta: m.prof.meta})
	}
	c.evict(id)
}

// onlyLeaving says whether two profiles differ in nothing but the intent to
// leave, which has an event of its own.
func onlyLeaving(a, b *profile) bool {
	return b.is(a.meta, a.versions, wire.About{Namespace: a.namespace, Alias: a.alias, Leaving: b.leaving, MetaID: a.metaID})
}

// announce queues the alive message of a member; it replaces whatever was
// queued about it.
func (c *Core) announce(id memberID) *broadcast {
	m := c.table.at(id)
	a := wire.Alive{
		Incarnation: m.inc, Node: m.name, Addr: m.addr().Addr(), Port: m.port,
		Meta: m.prof.meta, Versions: m.prof.versions, Caps: m.caps, About: m.about(),
	}
	b := c.queue.add(uint64(id))
	b.msg = a.Append(slices.Grow(b.msg, 64+len(a.Node)+len(a.Meta)))
	c.queue.sized(b)
	c.wantGossip()
	return b
}

// conflict reports another address under a name that is taken. Nothing changes.
func (c *Core) conflict(m *member, a *wire.Alive) error {
	c.stats.Conflicts++
	c.event(Event{Kind: EventConflict, Member: Member{
		Name: m.name, Addr: netip.AddrPortFrom(a.Addr, a.Port), State: wire.StateAlive, Incarnation: a.Incarnation,
		Meta: append([]byte(nil), a.Meta[:min(len(a.Meta), MetaMax)]...), Versions: a.Versions, Since: c.time(c.now), ID: a.ID,
	}})
	return ErrConflict
}
