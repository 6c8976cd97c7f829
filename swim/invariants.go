package swim

import (
	"fmt"

	"github.com/musterhq/muster/wire"
)

// Check verifies what must hold of a core between any two inputs. Tests call it
// after every step; it costs time proportional to the members and the queue.
// What must hold between several cores is checked by package sim.
func (c *Core) Check() error {
	for _, check := range []func() error{c.checkTable, c.checkRound, c.checkSuspects, c.checkQueues, c.checkProbe, c.checkBounds} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkTable: every member is found under its name, the ring is a permutation
// of all but self with the live in front, and the counts are right.
func (c *Core) checkTable() error {
	t := c.table
	var states [4]int
	n := 0
	var bad error
	t.each(func(id memberID, m *member) bool {
		n++
		states[m.state]++
		if found, ok := t.find(m.name); !ok || found != id {
			bad = fmt.Errorf("member %q in row %d is found in row %d (%v)", m.name, id, found, ok)
		}
		if id == selfID {
			return bad == nil
		}
		if int(m.pos) >= len(t.ring) || t.ring[m.pos] != id {
			bad = fmt.Errorf("member %q is not at its place %d of the ring", m.name, m.pos)
		} else if m.live() != (int(m.pos) < t.live) {
			bad = fmt.Errorf("member %q in state %d is on the wrong side of the ring", m.name, m.state)
		}
		return bad == nil
	})
	if bad != nil {
		return bad
	}
	if n != t.count || n != len(t.ring)+1 || states != t.states {
		return fmt.Errorf("table counts %d members %v, holds %d %v, ring %d", t.count, t.states, n, states, len(t.ring))
	}
	return nil
}

// checkRound: each member other than self is in the probe round exactly once
// (SWIM section 4.3: so it is probed within 2n-1 periods).
func (c *Core) checkRound() error {
	if len(c.order) != len(c.table.ring) || c.next > len(c.order) {
		return fmt.Errorf("round has %d members at place %d, ring has %d", len(c.order), c.next, len(c.table.ring))
	}
	seen := make(map[memberID]bool, len(c.order))
	for _, id := range c.order {
		if seen[id] || id == selfID || c.table.at(id).name == "" {
			return fmt.Errorf("row %d is in the round twice, is self, or is nobody", id)
		}
		seen[id] = true
	}
	return nil
}

// checkSuspects: suspicions and suspects are the same members, confirmed by
// distinct accusers, and none outlasts its maximum without a timer.
func (c *Core) checkSuspects() error {
	if len(c.suspects) != c.table.states[wire.StateSuspect] {
		return fmt.Errorf("%d suspicions for %d suspects", len(c.suspects), c.table.states[wire.StateSuspect])
	}
	for id, s := range c.suspects {
		m := c.table.at(id)
		if m.state != wire.StateSuspect || id == selfID {
			return fmt.Errorf("suspicion of %q in state %d", m.name, m.state)
		}
		if s.due < s.start.add(s.min) || s.due > s.start.add(s.max) {
			return fmt.Errorf("suspicion of %q is due after %d, outside [%v, %v]", m.name, s.due-s.start, s.min, s.max)
		}
		if len(s.accusers) > s.k+1 {
			return fmt.Errorf("suspicion of %q has %d accusers for k=%d", m.name, len(s.accusers), s.k)
		}
		for i, a := range s.accusers {
			for _, b := range s.accusers[:i] {
				if a == b {
					return fmt.Errorf("suspicion of %q counts %q twice", m.name, a)
				}
			}
		}
	}
	return nil
}

// checkQueues: at most one broadcast per member, each fits a packet, and none
// was sent more often than the limit allows (a round sends to several at once
// and may pass it by that many).
func (c *Core) checkQueues() error {
	if n := c.queue.len(); n > c.table.count {
		return fmt.Errorf("%d broadcasts about %d members", n, c.table.count)
	}
	for _, q := range []*queue{c.queue, c.users} {
		bytes := 0
		for key, b := range q.byKey {
			bytes += b.size()
			if b.key != key || b.dead || b.size() == 0 {
				return fmt.Errorf("broadcast %d is queued under %d, dead %v, %d bytes", b.key, key, b.dead, b.size())
			}
			if size := b.size() + partOverhead + headOverhead; size > c.room() {
				return fmt.Errorf("broadcast of %d bytes will never fit a packet of %d", size, c.room())
			}
			if most := max(c.sentMax, c.transmitLimit()) + max(1, c.cfg.GossipNodes); b.sent > most {
				return fmt.Errorf("broadcast was sent %d times, limit %d", b.sent, most)
			}
		}
		if bytes != q.bytes {
			return fmt.Errorf("queue counts %d bytes, holds %d", q.bytes, bytes)
		}
	}
	return nil
}

// checkProbe: one probe at most, of a member other than self, within its time.
func (c *Core) checkProbe() error {
	p := c.probe
	if !p.active {
		return nil
	}
	if p.target == selfID || p.end < p.started || p.end > p.started.add(times(c.cfg.ProbeInterval, 1024)) {
		return fmt.Errorf("probe %d of row %d from %d to %d", p.seq, p.target, p.started, p.end)
	}
	if p.nacks > p.nacksDue || p.nacksDue > c.cfg.IndirectChecks {
		return fmt.Errorf("probe has %d nacks of %d, asked %d", p.nacks, p.nacksDue, c.cfg.IndirectChecks)
	}
	return nil
}

// checkBounds: health is within its range, nothing that the network can cause
// grows without bound, and no packet exceeds its size.
func (c *Core) checkBounds() error {
	if c.awareness < 0 || c.awareness >= c.cfg.AwarenessMax {
		return fmt.Errorf("health score %d is outside [0, %d)", c.awareness, c.cfg.AwarenessMax)
	}
	if len(c.relays) > relayMax || len(c.asks) > asksMax || len(c.lost.members) > lostMax || c.users.len() > usersMax {
		return fmt.Errorf("%d relays, %d questions, %d lost members, %d user broadcasts", len(c.relays), len(c.asks), len(c.lost.members), c.users.len())
	}
	if n := c.syncs.symbols; n < symbolsMin || n > symbolsMost {
		return fmt.Errorf("the next sync asks for %d symbols", n)
	}
	for _, p := range c.ready.Packets {
		if len(p.Data) > c.room() || len(p.Data) == 0 {
			return fmt.Errorf("packet of %d bytes, room is %d", len(p.Data), c.room())
		}
	}
	return nil
}
