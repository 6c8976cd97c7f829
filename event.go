package muster

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Member is what is known of one member. Meta is shared: do not write to it.
type Member = swim.Member

// State is a member's state.
type State = wire.State

// The states of a member.
const (
	Alive   = wire.StateAlive
	Suspect = wire.StateSuspect
	Dead    = wire.StateDead
	Left    = wire.StateLeft
)

// EventKind tells what happened.
type EventKind = swim.EventKind

// The kinds of event. For each member they follow
// (Join (Update|Suspect|Recover)* Leave)*; Conflict may come any time.
const (
	MemberJoin     = swim.EventJoin
	MemberUpdate   = swim.EventUpdate   // metadata, address or versions changed
	MemberLeave    = swim.EventLeave    // died or left: Member.State tells which
	MemberConflict = swim.EventConflict // Member claims a name that is taken
	MemberSuspect  = swim.EventSuspect  // does not answer
	MemberRecover  = swim.EventRecover  // was suspected and refuted
)

// Event is one change of membership.
type Event struct {
	Kind   EventKind
	Member Member    // as it is after the event
	From   string    // the member that reported a MemberSuspect or MemberLeave
	Time   time.Time // when this node learned of it
}

// Message is a user message. Payload belongs to the receiver.
type Message struct {
	From      netip.AddrPort // the sender, or whoever passed a broadcast on
	Payload   []byte
	Reliable  bool // came over a stream
	Broadcast bool // from a muster peer's Broadcast; delivered once
}

// eventQueueMax is how many events wait for a slow consumer before they are
// folded to what a consumer that arrives late needs to know.
const eventQueueMax = 1024

// history is what a queue of events says about one member.
type history struct {
	last    int  // its latest event
	left    int  // its first leave, -1 for none
	joined  bool // its first event is a join: it was not present before
	updated bool
}

// foldEvents reduces events to what a consumer that arrives late needs: for
// each member at most a leave, if it was present before, and what became of it.
// A member that came and went meanwhile vanishes, and so do conflicts. What is
// left still follows the order of kinds and ends in the present states.
func foldEvents(events []Event) []Event {
	byName := make(map[string]*history)
	for i, e := range events {
		h := byName[e.Member.Name]
		switch {
		case e.Kind == MemberConflict:
			continue
		case h == nil:
			h = &history{left: -1, joined: e.Kind == MemberJoin}
			byName[e.Member.Name] = h
		}
		h.last = i
		h.updated = h.updated || e.Kind == MemberUpdate
		if e.Kind == MemberLeave && h.left < 0 {
			h.left = i
		}
	}
	folded := make([]Event, 0, len(byName))
	for i, e := range events {
		h := byName[e.Member.Name]
		if e.Kind == MemberConflict || i != h.last && i != h.left {
			continue
		}
		gone := events[h.last].Kind == MemberLeave
		switch {
		case gone && (h.joined || i != h.last), i != h.last && h.joined:
			continue
		case i == h.last && !gone && (h.joined || h.left >= 0):
			e.Kind = MemberJoin
		case i == h.last && !gone && h.updated:
			e.Kind = MemberUpdate
		}
		folded = append(folded, e)
	}
	return folded
}
