package record

import (
	"net/netip"
	"time"
)

// Ready is what the core wants done.
type Ready struct {
	Packets  []Packet
	Streams  []Stream
	Events   []Event   // in the order in which things happened
	Messages []Message // per owner in the order of Seq, each once
	Done     []uint64  // own messages that every peer has, see Core.Publish
	Expired  []uint64  // own messages that were let go of before that, see Config.LogAge
}

// Packet is one message of type TypeRecord for a packet. Several packets may
// share Data.
type Packet struct {
	To   netip.AddrPort
	Name string
	Data []byte
}

// Stream asks for an exchange: connect to To, send Request, a framed message,
// read one message, and hand it to StreamDone with the same ID, or the error.
// As long as StreamDone returns another request, send that over the same
// connection. All of it must be done by Deadline; end it with an error then.
type Stream struct {
	ID       uint64
	To       netip.AddrPort
	Name     string
	Request  []byte
	Deadline time.Time
}

// EventKind tells what happened to a key.
type EventKind uint8

// The kinds of events.
const (
	EventSet    EventKind = iota // the key has a value, another one than before
	EventDelete                  // the key has no value any more
)

// String returns the kind's lower-case name.
func (k EventKind) String() string {
	if k == EventSet {
		return "set"
	}
	return "delete"
}

// Event is one change of a key, also of the local member's own. The slices are
// shared and must not be written to; they stay valid.
type Event struct {
	Kind       EventKind
	Owner, Key string
	Value, Old []byte // nil when there is, or was, none
	Version    uint64
}

// Message is an entry of another member's log.
type Message struct {
	Owner, Topic string
	Payload      []byte // shared, must not be written to
	Seq          uint64 // counts the owner's messages from 1
}

// Stats are counters since the core's start, and gauges.
type Stats struct {
	Peers      int    `json:"peers"`      // that are up
	Owners     int    `json:"owners"`     // known, the local member included
	Keys       int    `json:"keys"`       // of all owners
	Tombstones int    `json:"tombstones"` // deletions that are remembered
	Bytes      int64  `json:"bytes"`      // that all this takes, about
	LogEntries int    `json:"log_entries"`
	LogBytes   int    `json:"log_bytes"`
	Unacked    uint64 `json:"unacked"` // own messages that some peer has not got yet
	Rumors     int    `json:"rumors"`  // waiting to be gossiped
	Streams    int    `json:"streams"` // open
	Wanted     int    `json:"wanted"`  // owners of which news was announced that is not here yet

	Sets      uint64 `json:"sets"`    // of own keys
	Deletes   uint64 `json:"deletes"` // of own keys, expiries included
	Expiries  uint64 `json:"expiries"`
	Published uint64 `json:"published"`
	Delivered uint64 `json:"delivered"` // messages of other members
	Lost      uint64 `json:"lost"`      // messages of other members that were gone before they got here
	Busy      uint64 `json:"busy"`      // calls of Publish that failed with ErrBusy

	PacketsOut  uint64 `json:"packets_out"`
	PacketsIn   uint64 `json:"packets_in"`
	Applied     uint64 `json:"applied"` // entries taken over from other members' maps
	Known       uint64 `json:"known"`   // segments that brought nothing new
	Gaps        uint64 `json:"gaps"`    // segments that came before what precedes them
	Pulls       uint64 `json:"pulls"`
	PullsFailed uint64 `json:"pulls_failed"`
	Resets      uint64 `json:"resets"`       // copies that were replaced as a whole
	Syncs       uint64 `json:"syncs"`        // comparisons of digests started
	SyncsEqual  uint64 `json:"syncs_equal"`  // of those that found no difference
	SyncBytes   uint64 `json:"sync_bytes"`   // of the comparisons, both ways, without what they made pull
	Served      uint64 `json:"served"`       // requests over streams
	BytesPulled uint64 `json:"bytes_pulled"` // of the replies to pulls
	BytesServed uint64 `json:"bytes_served"` // of replies
	Refused     uint64 `json:"refused"`      // times that a copy could not grow, see Config.MaxTotal
	Malformed   uint64 `json:"malformed"`    // messages that do not decode
	Unknown     uint64 `json:"unknown"`      // items from or about members that are not known
	Superseded  uint64 `json:"superseded"`   // times that this member heard of a later self and took a higher generation
}
