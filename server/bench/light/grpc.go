package light

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Windows and bounds. A message larger than maxMessage is no answer to what
// these clients ask.
const (
	window     = 1 << 30
	maxMessage = 64 << 20
	patience   = 30 * time.Second
)

// GRPC is one connection to a server that speaks gRPC without TLS.
type GRPC struct {
	nc     net.Conn
	out    *bufio.Writer
	framer *http2.Framer
	next   uint32 // id of the next stream

	room       int64 // what the server lets us send, over all streams
	streamRoom int64 // the same, of a stream that begins
	taken      uint32

	call   inbox // the one call that is open
	stream inbox // the one stream that is open, if any
	// Pushed is called with each message of the stream.
	Pushed func(message []byte) error
}

// An inbox gathers what comes in on one HTTP/2 stream.
type inbox struct {
	id    uint32
	data  []byte
	ended bool
	err   error
	room  int64
}

// DialGRPC connects to HOST:PORT.
func DialGRPC(ctx context.Context, addr string) (*GRPC, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &GRPC{nc: nc, out: bufio.NewWriterSize(nc, 4<<10), next: 1, room: 65535, streamRoom: 65535}
	c.framer = http2.NewFramer(c.out, bufio.NewReaderSize(nc, 4<<10))
	c.framer.SetReuseFrames()
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	_, err = c.out.WriteString(http2.ClientPreface)
	err = errors.Join(err,
		c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush, Val: 0}),
		c.framer.WriteWindowUpdate(0, window-65535), c.out.Flush())
	if err != nil {
		return nil, errors.Join(err, nc.Close())
	}
	return c, nil
}

// LocalAddr is this end of the connection.
func (c *GRPC) LocalAddr() net.Addr { return c.nc.LocalAddr() }

// Close ends the connection. It may be called beside the other methods.
func (c *GRPC) Close() error { return c.nc.Close() }

// Method encodes the headers of calls of a method, "/package.Service/Method".
func Method(path string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0) // the same bytes are sent with each call
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: path},
		{Name: ":authority", Value: "bench"}, {Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	} {
		_ = e.WriteField(f) // a bytes.Buffer takes all
	}
	return b.Bytes()
}

// Call makes a unary call and returns the answer, which the next call
// overwrites.
func (c *GRPC) Call(method, message []byte) ([]byte, error) {
	if err := c.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	c.begin(&c.call)
	if err := c.send(&c.call, method, message, true); err != nil {
		return nil, err
	}
	for !c.call.ended {
		if err := c.read(); err != nil {
			return nil, err
		}
	}
	if c.call.err != nil {
		return nil, c.call.err
	}
	m, rest, err := cut(c.call.data)
	if err == nil && (m == nil || len(rest) > 0) {
		err = fmt.Errorf("an answer of %d bytes is not one message", len(c.call.data))
	}
	return m, err
}

// Open opens the connection's one stream with a first message.
func (c *GRPC) Open(method, message []byte) error {
	c.begin(&c.stream)
	return c.send(&c.stream, method, message, false)
}

// Send sends another message on the stream.
func (c *GRPC) Send(message []byte) error { return c.send(&c.stream, nil, message, false) }

// Serve reads until the connection is closed, for the sake of the stream.
func (c *GRPC) Serve() error {
	if err := c.nc.SetDeadline(time.Time{}); err != nil {
		return err
	}
	for {
		if err := c.read(); err != nil {
			return err
		}
		if c.stream.ended {
			return fmt.Errorf("the stream has ended: %w", c.stream.err)
		}
	}
}

// begin takes the next stream for an inbox.
func (c *GRPC) begin(in *inbox) {
	*in = inbox{id: c.next, data: in.data[:0], room: c.streamRoom}
	c.next += 2
}

// send sends headers, if there are any, and one message.
func (c *GRPC) send(in *inbox, method, message []byte, last bool) error {
	if method != nil {
		err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: in.id, BlockFragment: method, EndHeaders: true})
		if err != nil {
			return err
		}
	}
	b := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(b[1:], uint32(len(message)))
	b = append(b, message...)
	for len(b) > 0 {
		n := min(int64(len(b)), c.room, in.room, 16<<10)
		if n <= 0 {
			if err := c.out.Flush(); err != nil {
				return err
			}
			if err := c.read(); err != nil {
				return err
			}
			continue
		}
		if err := c.framer.WriteData(in.id, last && int(n) == len(b), b[:n]); err != nil {
			return err
		}
		c.room, in.room, b = c.room-n, in.room-n, b[n:]
	}
	return c.out.Flush()
}

// read takes in one frame.
func (c *GRPC) read() error {
	f, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *http2.DataFrame:
		return c.data(f)
	case *http2.MetaHeadersFrame:
		c.headers(f)
	case *http2.RSTStreamFrame:
		if in := c.inbox(f.StreamID); in != nil {
			in.ended, in.err = true, fmt.Errorf("stream reset: %v", f.ErrCode)
		}
	case *http2.GoAwayFrame:
		return fmt.Errorf("the server says go away: %v %s", f.ErrCode, f.DebugData())
	case *http2.PingFrame:
		if !f.IsAck() {
			return errors.Join(c.framer.WritePing(true, f.Data), c.out.Flush())
		}
	case *http2.SettingsFrame:
		return c.settings(f)
	case *http2.WindowUpdateFrame:
		if in := c.inbox(f.StreamID); in != nil {
			in.room += int64(f.Increment)
		} else if f.StreamID == 0 {
			c.room += int64(f.Increment)
		}
	}
	return nil
}

func (c *GRPC) inbox(id uint32) *inbox {
	switch {
	case id == 0: // the connection
		return nil
	case id == c.call.id:
		return &c.call
	case id == c.stream.id:
		return &c.stream
	}
	return nil
}

func (c *GRPC) settings(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
		by := int64(v) - c.streamRoom
		c.streamRoom = int64(v)
		c.call.room, c.stream.room = c.call.room+by, c.stream.room+by
	}
	return errors.Join(c.framer.WriteSettingsAck(), c.out.Flush())
}

func (c *GRPC) headers(f *http2.MetaHeadersFrame) {
	in := c.inbox(f.StreamID)
	if in == nil {
		return
	}
	for _, h := range f.Fields {
		switch {
		case h.Name == ":status" && h.Value != "200":
			in.err = errors.New("HTTP status " + h.Value)
		case h.Name == "grpc-status" && h.Value != "0":
			in.err = errors.New("gRPC status " + h.Value)
		case h.Name == "grpc-message" && in.err != nil:
			in.err = fmt.Errorf("%w: %s", in.err, h.Value)
		}
	}
	in.ended = in.ended || f.StreamEnded()
}

// data gathers a frame and hands out the messages of the stream.
func (c *GRPC) data(f *http2.DataFrame) error {
	c.taken += f.Length
	if c.taken > window/2 {
		if err := errors.Join(c.framer.WriteWindowUpdate(0, c.taken), c.out.Flush()); err != nil {
			return err
		}
		c.taken = 0
	}
	in := c.inbox(f.StreamID)
	if in == nil {
		return nil
	}
	in.data = append(in.data, f.Data()...)
	in.ended = in.ended || f.StreamEnded()
	if in != &c.stream {
		return nil
	}
	for {
		m, rest, err := cut(in.data)
		if err != nil || m == nil {
			return err
		}
		if c.Pushed != nil {
			if err := c.Pushed(m); err != nil {
				return err
			}
		}
		in.data = in.data[:copy(in.data, rest)]
	}
}

// cut takes a message off what has come in; nil: there is none yet.
func cut(b []byte) (message, rest []byte, err error) {
	if len(b) < 5 {
		return nil, b, nil
	}
	n := binary.BigEndian.Uint32(b[1:])
	if b[0] != 0 || n > maxMessage {
		return nil, b, fmt.Errorf("a message of %d bytes, compression %d", n, b[0])
	}
	if uint32(len(b)-5) < n {
		return nil, b, nil
	}
	return b[5 : 5+n : 5+n], b[5+n:], nil
}
