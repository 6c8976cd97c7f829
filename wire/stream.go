package wire

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
)

// memberlist's limits for streams.
const (
	MaxStreamEncrypted = 20 << 20 // of an encrypted message, as it is on the wire
	MaxStreamMessage   = 40 << 20 // of a message once decompressed
	MaxUserMessage     = 20 << 20 // of the payload of a user message
)

// Append writes the type byte and the header to b.
func (h *UserHeader) Append(b []byte) []byte {
	b = appendMap(b, TypeUser, 1, h.Caps)
	b = appendCaps(b, h.Caps)
	return appendInt(append(b, keyUserMsgLen...), h.UserMsgLen)
}

// Decode reads the bytes after the type byte, refusing more than
// MaxUserMessage with ErrTooLarge. Use DecodeUserStream for what follows.
func (h *UserHeader) Decode(body []byte) error {
	r := reader{b: body}
	return h.decode(&r)
}

func (h *UserHeader) decode(r *reader) error {
	*h = UserHeader{}
	n, array := r.fields()
	for i := 0; i < n && r.err == nil; i++ {
		switch r.key(i, array, userHeaderOrder) {
		case "UserMsgLen":
			h.UserMsgLen = r.length()
		case "M":
			h.Caps = r.caps()
		default:
			r.skip()
		}
	}
	if h.UserMsgLen > MaxUserMessage {
		r.fail(ErrTooLarge)
	}
	return r.end("user header")
}

// AppendUserStream writes a user message as streams carry it: the type byte,
// a header with the length and caps, and the payload. memberlist reads an
// empty payload without telling its application, which makes one with caps a
// greeting that disturbs nobody.
func AppendUserStream(b, payload []byte, caps Caps) []byte {
	h := UserHeader{UserMsgLen: len(payload), Caps: caps}
	return append(h.Append(b), payload...)
}

// DecodeUserStream reads the bytes after the type byte. The payload shares
// memory with body.
func DecodeUserStream(body []byte) (h UserHeader, payload []byte, err error) {
	r := reader{b: body}
	if err := h.decode(&r); err != nil {
		return h, nil, err
	}
	payload = r.take(uint64(h.UserMsgLen))
	return h, payload, r.end("user message")
}

// AppendStreamMessage writes msg, type byte included, as a stream carries it:
// compressed if Compress is set and it helps (memberlist compresses always,
// and reads both), then encrypted with its length in front if there is a key.
// The dialer's label header is not part of it.
func (c *Codec) AppendStreamMessage(dst, msg []byte) ([]byte, error) {
	if len(msg) > MaxStreamMessage {
		return dst, fmt.Errorf("stream message of %d bytes: %w", len(msg), ErrTooLarge)
	}
	start := len(dst)
	ring := c.outgoingKeys()
	plain := start
	if ring != nil {
		plain += crcOverhead + 1 + nonceSize
	}
	out := slices.Grow(dst, plain-start+len(msg)+tagSize)[:plain]
	out, err := c.appendBody(out, msg)
	if err != nil {
		return dst, err
	}
	if ring == nil {
		return out, nil
	}
	version := c.cryptVersion()
	n := cryptLen(version, len(out)-plain)
	if n > MaxStreamEncrypted {
		return dst, fmt.Errorf("encrypted stream message of %d bytes: %w", n, ErrTooLarge)
	}
	out[start] = byte(TypeEncrypt)
	binary.BigEndian.PutUint32(out[start+1:], uint32(n))
	data := append(slices.Clone(out[start:start+5]), c.Label...)
	return seal(ring[0].aead, version, out, plain, data), nil
}

// appendBody writes msg compressed if that is wanted and makes it smaller.
func (c *Codec) appendBody(b, msg []byte) ([]byte, error) {
	if !c.Compress {
		return append(b, msg...), nil
	}
	out, err := c.AppendCompressed(b, msg)
	if err != nil {
		return b, err
	}
	if len(out)-len(b) < len(msg) {
		return out, nil
	}
	return append(b, msg...), nil
}

// ReadStreamMessage reads exactly one message in whatever form it comes and
// returns it plain, starting with its type byte, in memory of its own. limit
// bounds its length; 0 stands for MaxStreamMessage. Memory grows with what
// arrives. Nothing is taken from r beyond the message.
//
// The end of the stream before the first byte gives io.EOF, after that
// io.ErrUnexpectedEOF.
func (c *Codec) ReadStreamMessage(r *bufio.Reader, limit int) ([]byte, error) {
	if limit <= 0 || limit > MaxStreamMessage {
		limit = MaxStreamMessage
	}
	first, err := r.ReadByte()
	if err != nil {
		return nil, err
	}
	ring := c.Keyring.load()
	var msg []byte
	switch {
	case Type(first) == TypeEncrypt:
		msg, err = c.readEncrypted(r, ring, min(MaxStreamEncrypted, enveloped(limit)+cryptOverhead(cryptPadded)))
	case len(ring) > 0 && !c.InsecureIncoming:
		err = fmt.Errorf("plaintext on a stream: %w", ErrDecrypt)
	default:
		msg, err = readPlain(r, Type(first), limit)
	}
	if err != nil {
		return nil, unexpected(err)
	}
	if len(msg) > 0 && Type(msg[0]) == TypeCompress {
		if msg, err = c.decompress(nil, msg[1:], limit); err != nil {
			return nil, err
		}
	}
	switch {
	case len(msg) == 0:
		return nil, fmt.Errorf("empty stream message: %w", ErrTruncated)
	case len(msg) > limit:
		return nil, fmt.Errorf("stream message of %d bytes: %w", len(msg), ErrTooLarge)
	case !streamType(Type(msg[0])):
		return nil, fmt.Errorf("type %d on a stream: %w", msg[0], ErrType)
	}
	return msg, nil
}

// streamType says whether t is a message, not a layer around messages and not
// a packet-only one.
func streamType(t Type) bool {
	return t <= TypePushPull || t == TypeUser || t == TypeNack || t == TypeError || framed(t)
}

// framed says whether t is one of muster's own stream messages, which have
// their length in front: type, length as four bytes big-endian, body.
func framed(t Type) bool { return t == TypeSync || t == TypeRecordStream || t == TypeMessage }

// framedHead is how long type and length are.
const framedHead = 1 + 4

// BeginFramed writes the type and leaves room for the length of what follows.
func BeginFramed(b []byte, t Type) []byte { return append(b, byte(t), 0, 0, 0, 0) }

// EndFramed fills in the length of the message that begins at start of b.
func EndFramed(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start+1:], uint32(len(b)-start-framedHead))
	return b
}

// FramedBody returns what is inside a framed message, and whether its length is
// what it says. It shares memory with msg.
func FramedBody(msg []byte) ([]byte, bool) {
	if len(msg) < framedHead || uint64(binary.BigEndian.Uint32(msg[1:])) != uint64(len(msg)-framedHead) {
		return nil, false
	}
	return msg[framedHead:], true
}

// enveloped bounds how long a message of up to limit bytes can be once
// compressed: LZW spends at most twelve bits on a byte.
func enveloped(limit int) int { return limit + limit/2 + 64 }

// readEncrypted reads the rest of an encrypted message, of at most limit bytes
// on the wire, and decrypts it. The header is authenticated together with the
// label.
func (c *Codec) readEncrypted(r *bufio.Reader, ring ringState, limit int) ([]byte, error) {
	if len(ring) == 0 {
		return nil, ErrNoKey
	}
	data, err := readN(r, []byte{byte(TypeEncrypt)}, 4)
	if err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(data[1:])
	if uint64(n) > uint64(limit) {
		return nil, fmt.Errorf("encrypted stream message of %d bytes: %w", n, ErrTooLarge)
	}
	sealed, err := readN(r, nil, int(n))
	if err != nil {
		return nil, err
	}
	return ring.open(nil, sealed, append(data, c.Label...))
}

// readPlain reads the rest of a plain message of type t. Nothing says how long
// it is, so its msgpack values have to be followed to their ends.
func readPlain(r *bufio.Reader, t Type, limit int) ([]byte, error) {
	c := capture{r: r, b: []byte{byte(t)}, limit: limit}
	switch t {
	case TypeCompress:
		c.limit = enveloped(limit)
		c.values(1)
	case TypePushPull:
		var h PushPullHeader
		c.header(h.Decode)
		c.values(h.Nodes)
		c.raw(h.UserStateLen)
	case TypeUser:
		var h UserHeader
		c.header(h.Decode)
		c.raw(h.UserMsgLen)
	case TypeSync, TypeRecordStream, TypeMessage:
		if b, ok := bufferedFrame(r, t, limit); ok {
			return b, nil
		}
		c.raw(framedHead - 1)
		if c.err == nil {
			c.raw(int(min(binary.BigEndian.Uint32(c.b[1:]), math.MaxInt32)))
		}
	default:
		if !streamType(t) {
			return nil, fmt.Errorf("type %d on a stream: %w", t, ErrType)
		}
		c.values(1)
	}
	return c.b, c.err
}

// bufferedFrame reads the rest of a framed message in one piece if all of it has
// arrived, which most small ones have.
func bufferedFrame(r *bufio.Reader, t Type, limit int) ([]byte, bool) {
	have := r.Buffered()
	if have < framedHead-1 {
		return nil, false
	}
	head, err := r.Peek(framedHead - 1)
	if err != nil {
		return nil, false
	}
	n := uint64(framedHead) + uint64(binary.BigEndian.Uint32(head))
	if n-1 > uint64(have) || n > uint64(limit) {
		return nil, false
	}
	b := make([]byte, n)
	b[0] = byte(t)
	_, err = io.ReadFull(r, b[1:])
	return b, err == nil
}

// capture copies msgpack values from a stream without interpreting them.
type capture struct {
	r     *bufio.Reader
	b     []byte
	limit int
	err   error
}

// header copies one value and has it decoded.
func (c *capture) header(decode func([]byte) error) {
	at := len(c.b)
	if c.values(1); c.err == nil {
		c.err = decode(c.b[at:])
	}
}

// values copies n values.
func (c *capture) values(n int) {
	for ; n > 0 && c.err == nil; n-- {
		// Most values are small and lie in the reader's buffer already.
		window, _ := c.r.Peek(c.r.Buffered())
		w := reader{b: window}
		if w.skip(); w.err == nil {
			c.raw(w.i)
			continue
		}
		c.value()
	}
}

// value copies one value token by token, waiting for each. It counts what is
// still to come, as reader.skip does.
func (c *capture) value() {
	for todo := uint64(1); todo > 0 && c.err == nil; todo-- {
		at := len(c.b)
		if c.raw(1); c.err != nil {
			return
		}
		h := headOf(c.b[at])
		if h.invalid {
			c.err = fmt.Errorf("stream message: %w", ErrMalformed)
			return
		}
		c.raw(int(h.size))
		if c.err != nil {
			return
		}
		length := reader{b: c.b[at+1:]}
		n := length.big(uint64(h.size))
		todo += uint64(h.items) + n*uint64(h.itemsPer)
		c.raw(int(min(uint64(h.fixed)+n*uint64(h.bytesPer), math.MaxInt32)))
	}
}

// raw copies n bytes.
func (c *capture) raw(n int) {
	if c.err != nil {
		return
	}
	if n > c.limit-len(c.b) {
		c.err = fmt.Errorf("stream message: %w", ErrTooLarge)
		return
	}
	c.b, c.err = readN(c.r, c.b, n)
}
