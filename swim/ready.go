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
	States   []UserState
	Asks     []Ask
	Done     []Done
}

// Packet is one packet to be sealed and sent. Data starts with a message's
// type byte and may be a compound or a compressed message.
type Packet struct {
	To   netip.AddrPort
	Name string // of the member it is for, if it is for one
	Data []byte
	CRC  bool // the receiver checks a crc (protocol 5): seal with one
}

// StreamKind tells what a stream is for.
type StreamKind uint8

// The kinds of stream that a core opens.
const (
	StreamPushPull StreamKind = iota
	StreamPing
	StreamSync // between muster peers, in several rounds
)

// Stream asks for one exchange: connect to To, send Request as one message,
// read one message, and hand it to StreamDone with the same ID, or the error.
// What StreamDone returns, if anything, is the next message to be sent over the
// same connection, and so on. Everything must be done by Deadline. Request is
// owned by the receiver.
type Stream struct {
	ID       uint64
	Kind     StreamKind
	To       netip.AddrPort
	Name     string // of the member, if it is to one
	Request  []byte
	Deadline time.Time
	// Reconnect marks an attempt to reach a lost member or a seed.
	Reconnect bool
	// Join tells that a push/pull is to enter the other's cluster.
	Join bool
}

// EventKind tells what happened to a member.
type EventKind uint8

// Per member the kinds follow (Join (Update|Suspect|Recover)* Leave)*.
const (
	EventJoin       EventKind = iota // became a member
	EventUpdate                      // metadata, address or versions changed
	EventLeave                       // died or left: see Member.State
	EventConflict                    // another address claims the name: Member is the claimant
	EventSuspect                     // did not answer
	EventRecover                     // refuted the suspicion
	EventPing                        // answered a ping directly: RTT, Payload
	EventLeaving                     // goes soon, and still serves
	EventAccused                     // this member was accused by From and refutes
	EventSilent                      // did not answer a ping directly: others are asked
	EventStreamOnly                  // answered over a stream, but nothing by packet
	EventCaps                        // has told what more it understands
	EventForgotten                   // was dead or had left, and is no longer remembered
)

var eventNames = [...]string{"join", "update", "leave", "conflict", "suspect", "recover", "ping", "leaving", "accused", "silent", "stream-only", "caps", "forgotten"}

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
	Since       time.Time // of the state, to a sixteenth of a second

	// What only muster members say of themselves.
	ID        uint64 // of the process: a new one under an old name has another
	Alias     string // for people
	Namespace string
	Leaving   bool   // it goes soon, and still serves
	MetaID    uint64 // its metadata is a record with this hash; 0: it is Meta
}

// Event is one change, with the member as it is after it.
type Event struct {
	Kind    EventKind
	Member  Member
	RTT     time.Duration // EventPing
	Payload []byte        // EventPing
	From    string        // EventSuspect, EventLeave, EventAccused: who said so
	As      wire.State    // EventAccused: of being what
	OldMeta []byte        // EventUpdate, EventLeaving, EventLeave: metadata before
	// Confirmations counts the members that joined in the suspicion of an
	// EventLeave whose time ran out here.
	Confirmations int
}

// UserState is what the other side of a push/pull gave for the application.
type UserState struct {
	From netip.AddrPort
	Join bool
	Data []byte
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
	AskBroadcasts                // which messages, of Limit bytes, are to go to each of Targets members now?
	AskTargets                   // which of Members may be gossiped to, and exchanged states with?
)

// Ask is a question; the core goes on meanwhile and expects an Answer.
type Ask struct {
	ID      uint64
	Kind    AskKind
	Members []Member
	Limit   int
	Targets int
}

// Done tells that the push/pull or ping started as ID is over: merged, or
// answered after RTT, when Err is nil.
type Done struct {
	ID  uint64
	Err error
	RTT time.Duration
}

// Stats are the core's counters, since its start, and gauges.
type Stats struct {
	// Members by state, the local one included.
	Alive    int `json:"alive"`
	Suspects int `json:"suspects"`
	Dead     int `json:"dead"`
	Left     int `json:"left"`

	HealthScore     int    `json:"health_score"` // Lifeguard's, 0 is best
	QueueLength     int    `json:"queue_length"` // broadcasts about members
	QueueBytes      int    `json:"queue_bytes"`
	UserQueueLength int    `json:"user_queue_length"`
	Incarnation     uint32 `json:"incarnation"`

	Probes         uint64 `json:"probes"`
	ProbesFailed   uint64 `json:"probes_failed"`
	IndirectProbes uint64 `json:"indirect_probes"` // probes that had to ask others
	StreamPings    uint64 `json:"stream_pings"`
	Suspicions     uint64 `json:"suspicions"`
	Confirmations  uint64 `json:"confirmations"`
	Deaths         uint64 `json:"deaths"`
	Refutations    uint64 `json:"refutations"` // of accusations of this member
	Conflicts      uint64 `json:"conflicts"`
	PushPulls      uint64 `json:"push_pulls"`
	Syncs          uint64 `json:"syncs"`       // exchanges of differences with muster peers
	SyncsEqual     uint64 `json:"syncs_equal"` // of them, those that found none
	SyncsFull      uint64 `json:"syncs_full"`  // of them, those that ended in all states
	Reconnects     uint64 `json:"reconnects"`  // attempts to reach lost members
	Stalls         uint64 `json:"stalls"`      // times the local process was found to have stood still

	AlivesReceived   uint64 `json:"alives_received"`
	SuspectsReceived uint64 `json:"suspects_received"`
	DeadsReceived    uint64 `json:"deads_received"`

	Ignored     uint64 `json:"ignored"`     // messages without effect by the rules
	Malformed   uint64 `json:"malformed"`   // messages that did not decode
	Implausible uint64 `json:"implausible"` // incarnations nobody can have reached
	Refused     uint64 `json:"refused"`     // by address, version, veto or full table
}
