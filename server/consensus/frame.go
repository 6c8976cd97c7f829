package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Behind the greeting, a peers connection carries frames, many calls at once
// and answers in any order:
//
//	length(4) kind(1) id(8) body
//
// length counts what follows it. Integers are big-endian.
const (
	frameHead = 4 + 1 + 8
	maxFrame  = 1 << 20
)

// frameKind is what a frame asks for.
type frameKind byte

const (
	askPropose   frameKind = 1 // body: a command; answer: index(8) and the FSM's answer
	askReadIndex frameKind = 2 // answer: index(8)
	askHealth    frameKind = 3 // answer: index(8) flags(1)
	askInfo      frameKind = 4 // answer: JSON of info
	askFound     frameKind = 5 // body: JSON of founding
	askAdmin     frameKind = 6 // body: JSON of adminRequest
	isReply      frameKind = 0x80
)

// replyCode begins the body of an answer.
type replyCode byte

const (
	replyOK          replyCode = 0
	replyNotLeader   replyCode = 1 // nothing was done
	replyNotProposed replyCode = 2 // nothing was done; the text says why
	replyUnknown     replyCode = 3 // it may have been done; the text says why
	replyRefused     replyCode = 4 // nothing was done, and trying again is no use
)

// reply is an answer.
type reply struct {
	code replyCode
	body []byte
}

func okReply(body []byte) reply              { return reply{code: replyOK, body: body} }
func failReply(c replyCode, err error) reply { return reply{code: c, body: []byte(err.Error())} }
func indexReply(index uint64, b []byte) reply {
	return okReply(append(binary.BigEndian.AppendUint64(nil, index), b...))
}

// err is what an answer means to who asked.
func (r reply) err() error {
	switch r.code {
	case replyOK:
		return nil
	case replyNotLeader:
		return errNotLeader
	case replyUnknown:
		return fmt.Errorf("%w: %s", errUnknown, r.body)
	default:
		return errors.New(string(r.body))
	}
}

// index reads the index at the beginning of a good answer.
func (r reply) index() (index uint64, rest []byte, err error) {
	if err := r.err(); err != nil {
		return 0, nil, err
	}
	if len(r.body) < 8 {
		return 0, nil, fmt.Errorf("answer of %d bytes", len(r.body))
	}
	return binary.BigEndian.Uint64(r.body), r.body[8:], nil
}

// frame is one message of a peers connection.
type frame struct {
	kind frameKind
	id   uint64
	body []byte
}

// encodeFrame puts the parts of a body into a frame.
func encodeFrame(kind frameKind, id uint64, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	b := make([]byte, 0, frameHead+size)
	b = binary.BigEndian.AppendUint32(b, uint32(frameHead-4+size))
	b = append(b, byte(kind))
	b = binary.BigEndian.AppendUint64(b, id)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// encodeReply puts an answer into a frame.
func encodeReply(id uint64, r reply) []byte {
	if len(r.body) > maxFrame-64 {
		r = failReply(replyUnknown, fmt.Errorf("answer of %d bytes is too large to send", len(r.body)))
	}
	return encodeFrame(isReply, id, []byte{byte(r.code)}, r.body)
}

// readFrame reads one frame; its body is a fresh slice.
func readFrame(r io.Reader) (f frame, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return f, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n < frameHead-4 || n > maxFrame {
		return f, fmt.Errorf("frame of %d bytes", n)
	}
	f.kind, f.id = frameKind(head[4]), binary.BigEndian.Uint64(head[5:])
	f.body = make([]byte, n-(frameHead-4))
	if _, err := io.ReadFull(r, f.body); err != nil {
		return f, noEOF(err)
	}
	return f, nil
}

// decodeReply takes an answer out of a frame.
func decodeReply(f frame) (reply, error) {
	if f.kind != isReply || len(f.body) == 0 {
		return reply{}, fmt.Errorf("frame of kind %d and %d bytes where an answer belongs", f.kind, len(f.body))
	}
	return reply{code: replyCode(f.body[0]), body: f.body[1:]}, nil
}
