package wire

import "net/netip"

// Type is the first byte of every message; the values are memberlist's.
type Type byte

// The message types of memberlist's protocol, then those that only muster
// peers exchange. A muster-only type is never sent to a peer that has not
// announced CapMuster.
const (
	TypePing         Type = 0
	TypeIndirectPing Type = 1
	TypeAck          Type = 2
	TypeSuspect      Type = 3
	TypeAlive        Type = 4
	TypeDead         Type = 5
	TypePushPull     Type = 6
	TypeCompound     Type = 7
	TypeUser         Type = 8
	TypeCompress     Type = 9
	TypeEncrypt      Type = 10
	TypeNack         Type = 11
	TypeCRC          Type = 12
	TypeError        Type = 13
	TypeRumor        Type = 208 // muster only: a user broadcast with an identity
	TypeSync         Type = 209 // muster only, framed: reconciliation of members
	TypeRecord       Type = 210 // muster only: records, in packets
	TypeRecordStream Type = 211 // muster only, framed: records, over streams
	TypeMessage      Type = 212 // muster only, framed: requests, replies, messages with a topic
	TypeGone         Type = 213 // muster only: the member pinged is no longer here
	TypeScopedRumor  Type = 214 // muster only: a user broadcast within a namespace
	TypeLabel        Type = 244
)

// State is a member's state as a push/pull carries it.
type State uint8

// The four states, in memberlist's numbering.
const (
	StateAlive   State = 0
	StateSuspect State = 1
	StateDead    State = 2
	StateLeft    State = 3
)

var stateNames = [...]string{"alive", "suspect", "dead", "left"}

// String returns the state's lower-case name.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Caps says what a muster peer understands beyond memberlist's protocol. It
// travels as one more msgpack map key ("M"), which memberlist skips; zero is
// not encoded at all, so that the bytes are then exactly memberlist's.
type Caps uint8

const (
	// CapMuster marks a peer that decodes TypeRumor and acknowledges user messages
	// on streams.
	CapMuster Caps = 1
	// CapSync marks a peer that answers TypeSync on a stream.
	CapSync Caps = 2
	// CapRecord marks a peer that takes part in the exchange of records.
	CapRecord Caps = 4
	// CapMessage marks a peer that takes TypeMessage on a stream.
	CapMessage Caps = 8
)

// Versions are a member's protocol and delegate versions in wire order:
// protocol min, max, current, delegate min, max, current.
type Versions [6]uint8

// Ping asks Node for an Ack with the same SeqNo. The source fields, absent
// when zero, say where the ack should go.
type Ping struct {
	SeqNo      uint32
	Node       string
	SourceAddr netip.Addr
	SourcePort uint16
	SourceNode string
	Caps       Caps
}

// IndirectPing asks the receiver to ping Node at Target:Port on behalf of the
// source, and to answer with a Nack when that fails, if Nack is set.
type IndirectPing struct {
	SeqNo      uint32
	Target     netip.Addr
	Port       uint16
	Node       string
	Nack       bool
	SourceAddr netip.Addr
	SourcePort uint16
	SourceNode string
	Caps       Caps
}

// Ack answers a Ping. Payload is the application's, nil when absent.
type Ack struct {
	SeqNo   uint32
	Payload []byte
	Caps    Caps
}

// Nack says that a relay had no ack in time (Lifeguard, section 3.1).
type Nack struct {
	SeqNo uint32
}

// Error is the answer on a stream whose request could not be served.
type Error struct {
	Error string
}

// Suspect accuses Node at Incarnation; From is the accuser.
type Suspect struct {
	Incarnation uint32
	Node        string
	From        string
}

// Dead declares Node dead at Incarnation, or left when From is Node itself.
type Dead struct {
	Incarnation uint32
	Node        string
	From        string
}

// About is what a muster member says of itself beyond memberlist's fields, each
// in a msgpack key of one letter (I, N, A, L, D) that memberlist skips and that is
// absent when zero. A memberlist peer that passes an announcement on loses it.
type About struct {
	ID        uint64 // drawn by the process: a new one under an old name has another
	Namespace string // path of the part of the cluster it belongs to
	Alias     string // for people
	Leaving   bool   // it goes soon and still serves
	MetaID    uint64 // its metadata is a record, and this a hash of it; 0: it is Meta
}

// Gone answers a Ping whose Node is not the one that lives at the address now.
type Gone struct {
	SeqNo uint32
}

// Alive announces Node at Incarnation with its address and metadata.
type Alive struct {
	Incarnation uint32
	Node        string
	Addr        netip.Addr
	Port        uint16
	Meta        []byte // nil when absent
	Versions    Versions
	Caps        Caps
	About
}

// PushPullHeader precedes the node states of a push/pull.
type PushPullHeader struct {
	Nodes        int
	UserStateLen int
	Join         bool
	Caps         Caps
}

// PushNodeState is one member in a push/pull.
type PushNodeState struct {
	Name        string
	Addr        netip.Addr
	Port        uint16
	Meta        []byte
	Incarnation uint32
	State       State
	Versions    Versions
	Caps        Caps
	About
}

// UserHeader precedes the bytes of a user message on a stream.
type UserHeader struct {
	UserMsgLen int
	Caps       Caps
}

// Rumor is a user broadcast between muster peers: the payload with an
// identity, so that every peer delivers it once and passes it on.
type Rumor struct {
	Origin  uint64 // drawn at random by the originating process
	Seq     uint64 // counts that process's broadcasts from 1
	Scope   string // the originator's namespace; "" is everybody's
	Payload []byte
}
