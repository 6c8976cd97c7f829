package record

import (
	"slices"
	"time"
)

// want is news about an owner that is known to be elsewhere.
type want struct {
	source       *member // who has it; nil if nothing is wanted
	gen, version uint64
	logEnd       uint64
	due          instant
	tries        int
}

// triesMax is how often news is asked for in vain before it is left to the
// next comparison of digests.
const triesMax = 3

// wantFrom notes that source has an owner's map up to a version, or its log up
// to an entry, and has it fetched after a while unless it came by then.
func (c *Core) wantFrom(m, source *member, gen, version, logEnd uint64, wait time.Duration) {
	if !source.up || m == c.self || m.refused != never && c.now < m.refused.add(c.retryRefused()) {
		return
	}
	w := &m.want
	due := c.now.add(wait)
	switch {
	case w.source == nil:
		*w = want{source: source, gen: gen, version: version, logEnd: logEnd, due: due}
		c.wanted = append(c.wanted, m)
	case gen > w.gen:
		*w = want{source: source, gen: gen, version: version, logEnd: logEnd, due: min(due, w.due)}
	default:
		if gen == w.gen && version > w.version {
			w.source, w.version, w.tries = source, version, 0
		}
		if logEnd > w.logEnd {
			w.source, w.logEnd, w.tries = source, logEnd, 0
		}
		w.due = min(due, w.due)
	}
	sooner(&c.nextPull, w.due)
}

// retryRefused is how long a copy that could not grow is left alone.
func (c *Core) retryRefused() time.Duration { return max(c.cfg.SyncInterval, time.Second) }

// satisfied reports whether what was wanted of a member is here, as far as it
// can be taken in now.
func (c *Core) satisfied(m *member) bool {
	w := &m.want
	return w.source == nil ||
		!m.cur.before(w.gen, w.version) && (!m.log.known || c.held || m.log.end() >= w.logEnd)
}

// pull fetches what is due, at most PullsMax streams at a time and each owner
// by one stream only, so that nothing is fetched twice.
func (c *Core) pull() {
	c.nextPull = never
	c.wanted = slices.DeleteFunc(c.wanted, func(m *member) bool {
		if m.gone || c.satisfied(m) {
			m.want = want{}
		}
		return m.want.source == nil
	})
	for _, m := range c.wanted {
		switch w := &m.want; {
		case m.pulling != 0: // looked at again when that stream has ended
		case w.due > c.now:
			sooner(&c.nextPull, w.due)
		case len(c.streams) < c.cfg.PullsMax:
			c.pullFrom(w.source)
		}
	}
}

// pullOwners bounds how many owners one request asks for.
const pullOwners = 1024

// pullFrom opens a stream for all that one peer is to be asked for.
func (c *Core) pullFrom(source *member) {
	s := &stream{peer: source, owners: c.claim(source)}
	c.stats.Pulls++
	c.open(s, c.pullRequest(s))
}

// claim returns the owners that a peer is to be asked for.
func (c *Core) claim(source *member) []*member {
	var owners []*member
	for _, m := range c.wanted {
		if m.pulling == 0 && m.want.source == source && len(owners) < pullOwners && !m.gone && !c.satisfied(m) {
			owners = append(owners, m)
		}
	}
	return owners
}

// release ends the fetching of owners by a stream. What did not come is asked
// for again: somebody else may have it, and the owner surely has.
func (c *Core) release(s *stream, failed bool) {
	for _, m := range s.owners {
		if m.pulling != s.id {
			continue
		}
		m.pulling = 0
		w := &m.want
		switch {
		case m.gone || c.satisfied(m):
			*w = want{}
		case w.source != s.peer || s.cut: // news since, or not all yet
			w.due = c.now
		default:
			c.retry(m, failed)
		}
	}
	s.owners = nil
	c.nextPull = c.now
}

// retry asks the owner itself for what another did not have, or could not send.
func (c *Core) retry(m *member, failed bool) {
	w := &m.want
	w.tries++
	if w.tries >= triesMax || !m.up || w.source == m && !failed {
		*w = want{}
		return
	}
	w.source = m
	w.due = c.now.add(c.cfg.GossipInterval << w.tries)
}
