package swim

import (
	"net/netip"
	"time"

	"github.com/musterhq/muster/wire"
)

// Ready is what the core wants done. The order of its fields, and of the
// elements of each, is the order to act in.
type Ready struct {
	Packets  []Packet
	Streams  []Stream
	Events   []Event
	Messages []Message
	Asks     []Ask
	Done     []Done
}

// Packet is one packet to be sealed and sent. Data starts with a message's
// type byte and may be a compound or a compressed message.
type Packet struct {
	To   netip.AddrPort
	Data []byte
	CRC  bool // the receiver checks a crc (protocol 5): seal with one
}

// StreamKind tells what a stream is for.
type StreamKind uint8

// The kinds of stream that a core opens.
const (
	StreamPushPull StreamKind = iota
	StreamPing
)

// Stream asks for one exchange: connect to To, send Request as one message,
// read one message, and hand it to StreamDone with the same ID, or the error.
// Everything must be done by Deadline. Request is owned by the receiver.
type Stream struct {
	ID       uint64
	Kind     StreamKind
	To       netip.AddrPort
	Request  []byte
	Deadline time.Time
	// Reconnect marks an attempt to reach a lost member or a seed.
	Reconnect bool
}

// EventKind tells what happened to a member.
type EventKind uint8

// Per member the kinds follow (Join (Update|Suspect|Recover)* Leave)*.
const (
	EventJoin     EventKind = iota // became a member
	EventUpdate                    // metadata, address or versions changed
	EventLeave                     // died or left: see Member.State
	EventConflict                  // another address claims the name: Member is the claimant
	EventSuspect                   // did not answer
	EventRecover                   // refuted the suspicion
	EventPing                      // answered a ping directly: RTT, Payload
)

var eventNames = [...]string{"join", "update", "leave", "conflict", "suspect", "recover", "ping"}

// String returns the kind's lower-case name.
func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "unknown"
}

// Member is a copy of what the core knows of one member.
type Member struct {
	Name        string
	Addr        netip.AddrPort
	State       wire.State
	Incarnation uint32
	Meta        []byte // shared, never written to
	Versions    wire.Versions
	Caps        wire.Caps
	Since       time.Time // of the state
}

// Event is one change, with the member as it is after it.
type Event struct {
	Kind    EventKind
	Member  Member
	RTT     time.Duration // EventPing
	Payload []byte        // EventPing
	From    string        // EventSuspect, EventLeave: who said so
}

// Message is a user message that arrived.
type Message struct {
	From    netip.AddrPort
	Payload []byte
	Rumor   bool // broadcast by a muster peer, delivered once
}

// AskKind tells what the core wants to know.
type AskKind uint8

// The questions of a core whose application takes part in decisions.
const (
	AskAlive      AskKind = iota // may Member be accepted?
	AskMerge                     // may the state of a joining peer, Members, be merged?
	AskBroadcasts                // which messages, Limit bytes in all, are to be gossiped now?
)

// Ask is a question; the core goes on meanwhile and expects an Answer.
type Ask struct {
	ID      uint64
	Kind    AskKind
	Members []Member
	Limit   int
}

// Done tells that the push/pull started as ID is over: merged when Err is nil.
type Done struct {
	ID  uint64
	Err error
}

// Stats are the core's counters, since its start, and gauges.
type Stats struct {
	Alive, Suspects, Dead, Left int
	HealthScore                 int
	QueueLength, QueueBytes     int // membership broadcasts waiting
	UserQueueLength             int
	Incarnation                 uint32

	Probes, ProbesFailed, IndirectProbes, StreamPings uint64
	Suspicions, Confirmations, Deaths, Refutations    uint64
	Conflicts, PushPulls, Reconnects                  uint64
	Stalls                                            uint64 // times the local process was found to have stood still

	Ignored     uint64 // messages that changed nothing by the rules
	Malformed   uint64 // messages that did not decode
	Implausible uint64 // incarnations nobody can have reached
	Refused     uint64 // by address, version, veto or full table
}
