package swim

import (
	"net/netip"

	"github.com/musterhq/muster/wire"
)

// A process that died may have a successor at its address, under another name.
// Its probes are then answered by somebody else, which proves the death: nobody
// needs to wait for a suspicion to run out (scalecube's DEST_GONE). memberlist
// leaves such a ping without an answer.

// sayGone answers a ping that is for somebody else, to where it came from.
func (c *Core) sayGone(from netip.AddrPort, p *wire.Ping) error {
	gone := wire.Gone{SeqNo: p.SeqNo}
	c.scratch.msg = gone.Append(c.scratch.msg[:0])
	if p.Caps&wire.CapMuster == 0 || !c.budget.stranger(len(c.scratch.msg)) {
		return c.ignored("ping for another member")
	}
	c.postRaw(from, c.scratch.msg)
	return nil
}

// gone takes the answer that whoever was probed does not live there any more.
// It counts only if it comes from the very address that the probe went to.
func (c *Core) gone(from netip.AddrPort, seq uint32) error {
	p := &c.probe
	if !p.active || seq != p.seq || p.askAt == never {
		return c.ignored("gone without a probe")
	}
	m := c.table.at(p.target)
	if m.name == "" || !m.live() || m.addr() != from || m.inc != p.inc {
		return c.ignored("gone from elsewhere")
	}
	p.active = false
	c.heard = c.now
	c.adjustHealth(-1) // this member's probe worked
	return c.pronounce(p.target)
}

// evict pronounces dead a member that is said to live at this member's own
// address. At most once a second and name: two that are configured with one
// address must not fight faster than that.
func (c *Core) evict(id memberID) {
	m, self := c.table.at(id), c.table.at(selfID)
	if id == selfID || m.port != self.port || m.ip != self.ip || !m.live() || c.leave.left || !c.mayTell(m.name) {
		return
	}
	_ = c.pronounce(id) // it is live and at its own incarnation: nothing to refuse
}

// pronounce declares a live member dead at the incarnation known.
func (c *Core) pronounce(id memberID) error {
	m := c.table.at(id)
	d := wire.Dead{Incarnation: m.inc, Node: m.name, From: c.table.at(selfID).name}
	return c.dead(&d)
}
