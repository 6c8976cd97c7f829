package consensus

import (
	"slices"
)

// A command may reach the log twice: its author heard nothing and sent it again
// to the next leader. The log then holds both, and every server must apply only
// the first. So each FSM remembers, per author, the answers its author may
// still be waiting for (Ongaro's thesis, section 6.3). All of it is part of the
// replicated state: it changes only by what is in the log, and is in the snapshot.

const (
	// maxWindow is how far the newest command of a session may be ahead of the
	// oldest unanswered: it bounds what is remembered per session.
	maxWindow = 16384

	// maxSessions bounds how many authors are remembered; the one silent for
	// longest is forgotten first. An author is one run of one server, so the
	// forgotten are servers that were restarted long ago.
	maxSessions = 256
)

// session is what is remembered of one author.
type session struct {
	floor uint64            // answers below this are no longer awaited
	used  uint64            // command count at its last command
	done  map[uint64][]byte // answers by seq, all >= floor
}

// sessions is the part of the replicated state that makes commands apply once.
type sessions struct {
	byID map[sessionID]*session
}

func newSessions() *sessions {
	return &sessions{byID: make(map[sessionID]*session)}
}

// outcome says what to do with a command that is next in the log.
type outcome int

const (
	first    outcome = iota // not seen: apply it
	repeated                // applied before: the answer is known
	obsolete                // its author no longer waits: do not apply
)

// lookup finds the session of c, makes it when it is new, and says whether c is
// the first of its kind. used orders the sessions by their last command.
func (s *sessions) lookup(c command, used uint64) (*session, outcome, []byte) {
	ses := s.byID[c.session]
	if ses == nil {
		s.evict()
		ses = &session{floor: c.floor, done: make(map[uint64][]byte)}
		s.byID[c.session] = ses
	}
	ses.used = used
	if c.floor > ses.floor {
		ses.raise(c.floor)
	}
	if c.seq < ses.floor {
		return ses, obsolete, nil
	}
	if answer, ok := ses.done[c.seq]; ok {
		return ses, repeated, answer
	}
	return ses, first, nil
}

// raise forgets the answers that are no longer awaited.
func (s *session) raise(floor uint64) {
	if floor-s.floor > uint64(len(s.done)) {
		for seq := range s.done {
			if seq < floor {
				delete(s.done, seq)
			}
		}
	} else {
		for seq := s.floor; seq < floor; seq++ {
			delete(s.done, seq)
		}
	}
	s.floor = floor
}

// evict makes room for one more session. used is unique (it counts commands),
// so every server forgets the same one.
func (s *sessions) evict() {
	if len(s.byID) < maxSessions {
		return
	}
	var oldest sessionID
	used := ^uint64(0)
	for id, ses := range s.byID {
		if ses.used < used {
			oldest, used = id, ses.used
		}
	}
	delete(s.byID, oldest)
}

// clone is a copy that further commands do not change. Answers are never
// modified, so they are shared.
func (s *sessions) clone() *sessions {
	c := newSessions()
	for id, ses := range s.byID {
		done := make(map[uint64][]byte, len(ses.done))
		for seq, answer := range ses.done {
			done[seq] = answer
		}
		c.byID[id] = &session{floor: ses.floor, used: ses.used, done: done}
	}
	return c
}

// ids returns the sessions in an order that does not depend on the map.
func (s *sessions) ids() []sessionID {
	ids := make([]sessionID, 0, len(s.byID))
	for id := range s.byID {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b sessionID) int { return slices.Compare(a[:], b[:]) })
	return ids
}
