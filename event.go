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
type EventKind uint8

// The kinds of event. For each member they follow
// (Joined (Updated|Suspected|Recovered|Leaving)* (Left|Failed))*; Conflict may
// come any time.
const (
	MemberJoined    EventKind = iota
	MemberUpdated             // metadata, address or versions changed
	MemberLeaving             // goes soon, and still serves
	MemberLeft                // has gone of its own will
	MemberFailed              // has died, or another process has taken its place
	MemberSuspected           // does not answer
	MemberRecovered           // was suspected and refuted
	MemberConflict            // Member claims a name that is taken
)

var kindNames = [...]string{"joined", "updated", "leaving", "left", "failed", "suspected", "recovered", "conflict"}

// String returns the kind's lower-case name.
func (k EventKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Gone says whether the member is no longer present after such an event.
func (k EventKind) Gone() bool { return k == MemberLeft || k == MemberFailed }

// Event is one change of membership.
type Event struct {
	Kind   EventKind
	Member Member // as it is after the event
	// OldMeta is the metadata before a MemberUpdated, and the last there was for
	// a member that is leaving or gone.
	OldMeta []byte
	// From is the member that reported a MemberSuspected, MemberLeft or
	// MemberFailed; "" for one whose place another process has taken.
	From string
	// Confirmations counts the members that confirmed the suspicion that ended
	// in a MemberFailed pronounced by this node.
	Confirmations int
	Time          time.Time // when this node learned of it
}

// kindOf translates the core's kind.
func kindOf(e *swim.Event) EventKind {
	switch e.Kind {
	case swim.EventJoin:
		return MemberJoined
	case swim.EventUpdate:
		return MemberUpdated
	case swim.EventLeaving:
		return MemberLeaving
	case swim.EventSuspect:
		return MemberSuspected
	case swim.EventRecover:
		return MemberRecovered
	case swim.EventConflict:
		return MemberConflict
	}
	if e.Member.State == Left {
		return MemberLeft
	}
	return MemberFailed
}

// Message is a user message. Payload belongs to the receiver; the subscribers of
// a topic share it.
type Message struct {
	From      netip.AddrPort // the sender, or whoever passed a broadcast on
	Sender    string         // the sending member, as it says; "" if it does not
	Topic     string         // of SendTopic, Publish and Request
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
	oldMeta []byte // before its first update
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
			h = &history{left: -1, joined: e.Kind == MemberJoined}
			byName[e.Member.Name] = h
		}
		h.last = i
		if e.Kind == MemberUpdated && !h.updated {
			h.updated, h.oldMeta = true, e.OldMeta
		}
		if e.Kind.Gone() && h.left < 0 {
			h.left = i
		}
	}
	folded := make([]Event, 0, len(byName))
	for i, e := range events {
		h := byName[e.Member.Name]
		if e.Kind == MemberConflict || i != h.last && i != h.left {
			continue
		}
		gone := events[h.last].Kind.Gone()
		switch {
		case gone && (h.joined || i != h.last), i != h.last && h.joined:
			continue
		case i == h.last && !gone && (h.joined || h.left >= 0):
			e.Kind, e.OldMeta = MemberJoined, nil
		case i == h.last && !gone && h.updated:
			e.Kind, e.OldMeta = MemberUpdated, h.oldMeta
		}
		folded = append(folded, e)
	}
	return folded
}
