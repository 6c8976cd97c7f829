package api

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/musterhq/muster"
)

// Member is one row of an agent's view of the cluster.
type Member struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	State       string `json:"state"` // alive, suspect, dead or left
	Incarnation uint32 `json:"incarnation"`
	Meta        string `json:"meta"`

	// MetaBytes is set only when the metadata is not valid UTF-8, in which
	// case Meta, being a JSON string, cannot carry it unharmed.
	MetaBytes []byte `json:"meta_base64,omitempty"`
}

// FromMember puts a library member into the API's shape.
func FromMember(m muster.Member) Member {
	out := Member{
		Name:        m.Name,
		Addr:        m.Addr.String(),
		State:       m.State.String(),
		Incarnation: m.Incarnation,
		Meta:        string(m.Meta),
	}
	if !utf8.Valid(m.Meta) {
		out.MetaBytes = m.Meta
	}
	return out
}

// Event is one line of the event stream. A stream begins with a join for each
// member already known, so a reader needs no separate first look.
type Event struct {
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // join, update, leave, conflict, suspect or recover
	Member Member    `json:"member"`
	From   string    `json:"from,omitempty"` // who reported a suspect or leave
}

// FromEvent puts a library event into the API's shape.
func FromEvent(e muster.Event) Event {
	return Event{Time: e.Time, Kind: e.Kind.String(), Member: FromMember(e.Member), From: e.From}
}

// Message is a user message the agent received. From is the address it came
// from: the sender's, or for a broadcast that of whoever passed it on.
type Message struct {
	Time      time.Time `json:"time"`
	From      string    `json:"from"`
	Reliable  bool      `json:"reliable"`  // it came over a stream
	Broadcast bool      `json:"broadcast"` // it came by gossip from muster members
	Payload   []byte    `json:"payload"`   // base64 in JSON
}

// JoinRequest names addresses to join through.
type JoinRequest struct {
	Addrs []string `json:"addrs"`
}

// JoinResult says how many of them answered.
type JoinResult struct {
	Joined int `json:"joined"`
}

// MetaRequest replaces the agent's own metadata.
type MetaRequest struct {
	Meta string `json:"meta"`
}

// Payload is a user message as a request carries it: as text, or as bytes
// when it is not. Giving both is a mistake.
type Payload struct {
	Text  string `json:"payload"`
	Bytes []byte `json:"payload_base64,omitempty"`
}

// NewPayload picks the field that carries b unharmed.
func NewPayload(b []byte) Payload {
	if utf8.Valid(b) {
		return Payload{Text: string(b)}
	}
	return Payload{Bytes: b}
}

// Value returns the message itself.
func (p Payload) Value() ([]byte, error) {
	if len(p.Bytes) == 0 {
		return []byte(p.Text), nil
	}
	if p.Text != "" {
		return nil, errors.New("both payload and payload_base64 are set")
	}
	return p.Bytes, nil
}

// BroadcastRequest gossips a payload to every member.
type BroadcastRequest struct {
	Payload
}

// SendRequest sends a payload to one member, by stream if Reliable and
// otherwise as one packet that may be lost.
type SendRequest struct {
	To string `json:"to"`
	Payload
	Reliable bool `json:"reliable"`
}

// KeyRequest changes or lists the key ring; Op is add, use, remove or list.
type KeyRequest struct {
	Op  string `json:"op"`
	Key []byte `json:"key,omitempty"`
}

// Key names a key of the ring without giving it away: ID is the first eight
// hex digits of the key's SHA-256, enough to tell that two agents agree.
type Key struct {
	ID      string `json:"id"`
	Primary bool   `json:"primary"`
}

// KeyList is the ring after a KeyRequest.
type KeyList struct {
	Keys []Key `json:"keys"`
}

// CutRequest lists addresses that the agent shall no longer send to or dial.
// An empty list heals. Only with the debug faults on.
type CutRequest struct {
	Addrs []string `json:"addrs"`
}

// Done is the answer to a request that has nothing else to say.
type Done struct {
	OK bool `json:"ok"`
}

// Error is the body of every answer that is not 200.
type Error struct {
	Message string `json:"error"`
	Hint    string `json:"hint,omitempty"`
	Status  int    `json:"-"`
}

func (e *Error) Error() string { return e.Message }
