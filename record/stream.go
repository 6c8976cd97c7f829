package record

import (
	"slices"
	"time"
)

// stream is an exchange with one peer: a comparison of digests, a pull, or the
// one and then the other. All memory of it is with the member that opened it.
type stream struct {
	id       uint64
	peer     *member
	deadline instant
	compare  *comparison // while digests are being compared
	owners   []*member   // that are being pulled
	cut      bool        // ended for lack of time, not of news
}

// open asks for a stream that begins with a request.
func (c *Core) open(s *stream, request []byte) {
	c.streamID++
	s.id, s.deadline = c.streamID, c.now.add(c.cfg.StreamTimeout)
	for _, m := range s.owners {
		m.pulling = s.id
	}
	c.streams = append(c.streams, s)
	c.ready.Streams = append(c.ready.Streams, Stream{
		ID: s.id, To: s.peer.addr, Name: s.peer.name, Request: request, Deadline: c.time(s.deadline),
	})
}

// StreamDone hands in the reply to a stream's last request, a framed message,
// or the error that ended it. It returns the next request, to be sent over the
// same connection, or nil when the stream is over. Neither slice is kept.
func (c *Core) StreamDone(now time.Time, id uint64, reply []byte, err error) (next []byte) {
	c.advance(now)
	i := slices.IndexFunc(c.streams, func(s *stream) bool { return s.id == id })
	if i < 0 {
		return nil // given up
	}
	s := c.streams[i]
	if err == nil {
		next, err = c.proceed(s, reply)
	}
	if next == nil {
		c.close(s, err != nil)
	}
	return next
}

// proceed takes in a reply and decides on the next request, if there is one.
func (c *Core) proceed(s *stream, reply []byte) (next []byte, err error) {
	kind, d, ok := openReply(reply)
	if !ok {
		return nil, c.malformed(s.peer.addr)
	}
	if s.compare != nil {
		c.stats.SyncBytes += uint64(len(reply))
		next, err = c.compared(s, kind, d)
		c.stats.SyncBytes += uint64(len(next))
		if next != nil || err != nil {
			return next, err
		}
		return c.pullHere(s), nil
	}
	if kind != replyChunk {
		return nil, c.malformed(s.peer.addr)
	}
	c.stats.BytesPulled += uint64(len(reply))
	return c.pulled(s, d)
}

// close ends a stream.
func (c *Core) close(s *stream, failed bool) {
	c.streams = slices.DeleteFunc(c.streams, func(o *stream) bool { return o == s })
	if failed && len(s.owners) > 0 {
		c.stats.PullsFailed++
	}
	c.release(s, failed)
}

func (c *Core) streamDue() instant {
	due := never
	for _, s := range c.streams {
		sooner(&due, s.deadline.add(streamGrace))
	}
	return due
}

// streamGrace is how long after its deadline a stream is waited for whose end
// should have been told.
const streamGrace = time.Second

func (c *Core) abandonStreams() {
	for _, s := range slices.Clone(c.streams) {
		if s.deadline.add(streamGrace) <= c.now {
			c.close(s, true)
		}
	}
}

// pressed reports whether a stream is so near its deadline that the rest had
// better be fetched over another.
func (c *Core) pressed(s *stream) bool { return c.now >= s.deadline.add(-c.cfg.StreamTimeout/2) }

// pullHere goes on with a stream to fetch what the peer was found to have.
func (c *Core) pullHere(s *stream) []byte {
	if len(c.streams) > c.cfg.PullsMax {
		return nil
	}
	for _, m := range c.wanted {
		if m.want.source == s.peer {
			m.want.due = min(m.want.due, c.now)
		}
	}
	if s.owners = c.claim(s.peer); len(s.owners) == 0 {
		return nil
	}
	c.stats.Pulls++
	for _, m := range s.owners {
		m.pulling = s.id
	}
	return c.pullRequest(s)
}

// pulled takes in a chunk and asks for the next one.
func (c *Core) pulled(s *stream, d decoder) (next []byte, err error) {
	more := d.byte() != 0
	if d.bad || !checkItems(d) {
		return nil, c.malformed(s.peer.addr)
	}
	progress := false
	for it := (item{}); d.next(&it); {
		m := c.find(it.name)
		if m == nil || m.pulling != s.id {
			c.stats.Unknown++
			continue
		}
		switch it.kind {
		case itemHint:
			c.hear(m, s.peer, &it.hint, c.cfg.GossipInterval)
		case itemMap:
			progress = c.merge(m, &it.segment) == applied || progress
		case itemLog:
			progress = c.mergeLog(m, &it.stretch) == applied || progress
		}
	}
	if !more || !progress {
		return nil, nil
	}
	if c.pressed(s) {
		s.cut = true
		return nil, nil
	}
	return c.pullRequest(s), nil
}
