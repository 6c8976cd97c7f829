package wire

import (
	"encoding/binary"
	"fmt"
	"math"
)

// FrameKind tells what a Frame of a TypeMessage stream is.
type FrameKind uint8

// The kinds of frame. The dialer of a stream sends hello, once and first, then
// sends, requests, parts and cancels; the other end sends the rest, and parts.
const (
	FrameHello   FrameKind = 1 // who dials: a Hello
	FrameSend    FrameKind = 2 // a message, to be answered by an ack or a failure
	FrameRequest FrameKind = 3 // a question, to be answered by a reply or a failure
	FramePart    FrameKind = 4 // more of the payload of a send, request or reply
	FrameAck     FrameKind = 5 // the message is kept for the application
	FrameReply   FrameKind = 6 // what the handler has returned
	FrameFailure FrameKind = 7 // why there is no ack or reply
	FrameCancel  FrameKind = 8 // nobody waits for the answer any more
)

// FailureCode tells why a message or request was not taken, or the stream.
type FailureCode uint8

// The reasons of a failure.
const (
	FailHandler   FailureCode = 1 // the handler returned an error, in Payload
	FailNoHandler FailureCode = 2 // nobody handles the topic
	FailBusy      FailureCode = 3 // there is no room
	FailTooLarge  FailureCode = 4 // the message or the reply is
	FailUnknown   FailureCode = 5 // whom the hello is for does not live here
	FailNamespace FailureCode = 6 // the caller's namespace is not related
)

// Limits of frames.
const (
	MaxTopic   = 255     // bytes of a topic
	MaxFailure = 1 << 10 // bytes of a failure's text
	// MaxFramePayload is how much payload one frame carries at most, so that
	// a large message does not hold up the small ones of the same stream.
	MaxFramePayload = 32 << 10
	// MaxFrame bounds a whole message of TypeMessage: a hello's two names and
	// namespace, or a payload with its topic, fit with room to spare.
	MaxFrame = 2 * MaxFramePayload
)

// Frame is the body of one message of TypeMessage. ID ties together what
// belongs to one send or request; the dialer draws it and never uses it twice
// on a stream. A failure with ID 0 is about the stream.
type Frame struct {
	Kind    FrameKind
	ID      uint64
	Code    FailureCode // failure
	Size    int         // send, request, reply: of the whole payload, this frame's and its parts'
	Wait    uint64      // request: microseconds that the caller will wait, 0 for ever
	Topic   string      // send, request
	Payload []byte      // send, request, part, reply; a failure's text
	Hello   Hello       // hello
}

// Hello begins a stream of TypeMessage.
type Hello struct {
	Version   uint8  // of the frames, 1
	Session   uint64 // drawn at random by the dialer, one for each peer
	Epoch     uint64 // grows with each stream of the session: the newest is in force
	From      string // the dialer's name
	To        string // whom it means to talk to, empty for whoever is there
	Namespace string // the dialer's
}

// FrameVersion is what Hello.Version says.
const FrameVersion = 1

// Append writes the whole message, type and length included, to b.
func (f *Frame) Append(b []byte) []byte {
	start := len(b)
	b = append(BeginFramed(b, TypeMessage), byte(f.Kind))
	b = binary.AppendUvarint(b, f.ID)
	switch f.Kind {
	case FrameHello:
		h := &f.Hello
		b = binary.BigEndian.AppendUint64(append(b, h.Version), h.Session)
		b = binary.AppendUvarint(b, h.Epoch)
		b = appendCounted(b, h.From)
		b = appendCounted(b, h.To)
		b = appendCounted(b, h.Namespace)
	case FrameSend:
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = appendCounted(b, f.Topic)
	case FrameRequest:
		b = binary.AppendUvarint(b, f.Wait)
		b = binary.AppendUvarint(b, uint64(f.Size))
		b = appendCounted(b, f.Topic)
	case FrameReply:
		b = binary.AppendUvarint(b, uint64(f.Size))
	case FrameFailure:
		b = append(b, byte(f.Code))
	}
	return EndFramed(append(b, f.Payload...), start)
}

func appendCounted(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Decode reads a message of TypeMessage, type byte included. Topic, Payload and
// the strings of Hello share memory with msg.
func (f *Frame) Decode(msg []byte) error {
	*f = Frame{}
	body, ok := FramedBody(msg)
	if !ok {
		return fmt.Errorf("message frame: %w", ErrTruncated)
	}
	r := reader{b: body}
	f.Kind, f.ID = FrameKind(r.next()), r.uvarint(math.MaxUint64)
	switch f.Kind {
	case FrameHello:
		h := &f.Hello
		h.Version, h.Session, h.Epoch = r.next(), r.big(8), r.uvarint(math.MaxUint64)
		h.From, h.To, h.Namespace = r.counted(MaxFrame), r.counted(MaxFrame), r.counted(MaxFrame)
	case FrameSend:
		f.Size, f.Topic = r.size(), r.counted(MaxTopic)
	case FrameRequest:
		f.Wait, f.Size, f.Topic = r.uvarint(math.MaxUint64), r.size(), r.counted(MaxTopic)
	case FrameReply:
		f.Size = r.size()
	case FrameFailure:
		f.Code = FailureCode(r.next())
	case FramePart, FrameAck, FrameCancel:
	default:
		r.fail(ErrType)
	}
	if r.err == nil {
		f.tail(&r)
	}
	return r.end("message frame")
}

// tail takes what follows the fields, if the kind of frame may have anything.
func (f *Frame) tail(r *reader) {
	f.Payload = r.rest()
	most := f.Size
	switch f.Kind {
	case FrameHello, FrameAck, FrameCancel:
		most = 0
	case FramePart:
		most = MaxFramePayload
	case FrameFailure:
		most = MaxFailure
	}
	if len(f.Payload) > min(most, MaxFramePayload) {
		r.fail(ErrMalformed)
	}
}

// size reads the length of a payload.
func (r *reader) size() int { return int(r.uvarint(MaxUserMessage)) }

// counted reads a string of at most that many bytes.
func (r *reader) counted(most uint64) string {
	return aliasString(r.take(r.uvarint(most)))
}

// FramedLen returns how long the framed message is that b begins with, at least
// five bytes of it. It may be longer than b.
func FramedLen(b []byte) int { return framedHead + int(binary.BigEndian.Uint32(b[1:])) }
