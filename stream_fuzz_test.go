package muster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// nowhere is a transport to nobody, so that members that a fuzzer invents are
// not looked for at addresses that it invents.
type nowhere struct {
	addr   netip.AddrPort
	closed chan struct{}
}

func (t *nowhere) Addr() netip.AddrPort                     { return t.addr }
func (t *nowhere) WritePacket([]byte, netip.AddrPort) error { return nil }

func (t *nowhere) ReadPacket(func([]byte, netip.AddrPort)) error {
	<-t.closed
	return net.ErrClosed
}

func (t *nowhere) Dial(context.Context, netip.AddrPort) (net.Conn, error) {
	return nil, errors.New("there is nobody")
}

func (t *nowhere) Accept() (net.Conn, error) {
	<-t.closed
	return nil, net.ErrClosed
}

func (t *nowhere) Close() error {
	close(t.closed)
	return nil
}

// canned is a stream whose peer has sent all it will, and reads everything.
type canned struct {
	net.Conn
	in     *bytes.Reader
	mu     sync.Mutex
	out    bytes.Buffer
	once   sync.Once
	closed chan struct{}
}

func (c *canned) Read(b []byte) (int, error) { return c.in.Read(b) }

func (c *canned) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(b)
}

func (c *canned) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9} }

func (c *canned) SetDeadline(time.Time) error      { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

func (c *canned) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// fuzzNode starts a node with label, key and vetoes as the bits of setting say.
func fuzzNode(t *testing.T, setting uint8) *Node {
	t.Helper()
	cfg := Local()
	cfg.Name, cfg.Logger = "b", slog.New(slog.DiscardHandler)
	cfg.Transport = &nowhere{addr: netip.MustParseAddrPort("127.0.0.2:7946"), closed: make(chan struct{})}
	cfg.OnMessage = func(Message) {}
	cfg.RequestsMax = 1
	if setting&1 != 0 {
		cfg.Label = "dc1"
	}
	if setting&2 != 0 {
		cfg.Keyring = ring(t, 1)
	}
	if setting&4 != 0 {
		cfg.VetMerge = func([]Member) error { return nil }
		cfg.VetAlive = func(Member) error { return nil }
	}
	n, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	n.Handle("t", echo)
	return n
}

// FuzzServeStream serves arbitrary bytes as a stream, as they are or, to get
// behind the encryption, sealed. Each input has a node of its own: it must go
// on serving, answer with nothing but messages, and leave no goroutine behind.
func FuzzServeStream(f *testing.F) {
	state := wire.PushNodeState{Name: "a", Addr: netip.MustParseAddr("127.0.0.1"), Port: 9, Incarnation: 1, Versions: wire.Versions{1, 5, 2}}
	ping, odd := wire.Ping{SeqNo: 1, Node: "b"}, wire.Ping{SeqNo: 1, Node: "x"}
	kept := wire.AppendUserStream(nil, []byte("kept"), wire.CapMuster)
	large, err := wire.AppendCompressed(nil, wire.AppendUserStream(nil, make([]byte, 100_000), 0))
	if err != nil {
		f.Fatal(err)
	}
	frame := func(frames ...wire.Frame) []byte {
		b := (&wire.Frame{Kind: wire.FrameHello, Hello: wire.Hello{Version: wire.FrameVersion, Epoch: 1, To: "b"}}).Append(nil)
		for i := range frames {
			b = frames[i].Append(b)
		}
		return b
	}
	for _, b := range [][]byte{
		frame(message(1, "x"), message(2, "y"), message(2, "y")), frame(wire.Frame{Kind: wire.FrameCancel, ID: 1}, message(1, "x")),
		frame(wire.Frame{Kind: wire.FrameSend, ID: 1, Size: 2, Payload: []byte("x")}, wire.Frame{Kind: wire.FramePart, ID: 1, Payload: []byte("y")}),
		frame(wire.Frame{Kind: wire.FrameRequest, ID: 1, Wait: 1, Topic: "t"}, wire.Frame{Kind: wire.FrameRequest, ID: 2, Topic: "u"}),
		(&wire.Frame{Kind: wire.FrameHello, Hello: wire.Hello{Version: wire.FrameVersion, To: "x"}}).Append(nil),
		ping.Append(nil), odd.Append(nil), wire.AppendUserStream(nil, []byte("once"), 0), large,
		bytes.Join([][]byte{kept, kept, wire.AppendUserStream(nil, nil, wire.CapMuster), kept}, nil),
		append(bytes.Clone(kept), ping.Append(nil)...),
		wire.AppendPushPull(nil, wire.PushPullHeader{Join: true, Caps: wire.CapMuster}, []wire.PushNodeState{state}, []byte("user")),
		wire.AppendPushPull(nil, wire.PushPullHeader{}, []wire.PushNodeState{state, state}, nil),
		(&wire.PushPullHeader{Nodes: wire.MaxNodes}).Append(nil), (&wire.UserHeader{UserMsgLen: wire.MaxUserMessage}).Append(nil),
		{byte(wire.TypeEncrypt), 0, 0, 1, 0, 1}, {byte(wire.TypeLabel), 3, 'd', 'c', '1', 0}, {byte(wire.TypeRumor)}, nil,
	} {
		for setting := range uint8(16) {
			f.Add(b, setting)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte, setting uint8) {
		before := runtime.NumGoroutine()
		n := fuzzNode(t, setting)
		if setting&8 != 0 {
			sealed, err := n.codec.AppendStreamMessage(n.codec.AppendLabelHeader(nil), b)
			if err != nil {
				t.Skip(err)
			}
			b = sealed
		}
		serveCanned(t, n, b)
		if m := n.Local(); m.State != Alive {
			t.Errorf("the node holds itself %v", m.State)
		}
		question, err := n.codec.AppendStreamMessage(n.codec.AppendLabelHeader(nil), ping.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		answers := serveCanned(t, n, question)
		if want := (&wire.Ack{SeqNo: 1}).Append(nil); len(answers) != 1 || !bytes.Equal(answers[0], want) {
			t.Errorf("a ping is then answered with %x", answers)
		}
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		poll(t, "no goroutine after Close", func() bool { return runtime.NumGoroutine() <= before })
	})
}

// serveCanned has a node serve a stream and returns what it answers.
func serveCanned(t *testing.T, n *Node, b []byte) (answers [][]byte) {
	t.Helper()
	c := &canned{in: bytes.NewReader(b), closed: make(chan struct{})}
	n.inbound <- struct{}{} // as acceptStreams does
	n.work.Go(func() { n.serve(c) })
	receive(t, "the stream closed", c.closed)
	poll(t, "nothing under way", func() bool { return n.served.open() == 0 && n.Stats().RequestsRunning == 0 })
	c.mu.Lock()
	defer c.mu.Unlock()
	for r := bufio.NewReader(&c.out); ; {
		msg, err := n.codec.ReadStreamMessage(r, 0)
		if err == io.EOF {
			return answers
		}
		if err != nil {
			t.Fatalf("%x is answered with what is no message: %v", b, err)
		}
		switch wire.Type(msg[0]) {
		case wire.TypeAck, wire.TypePushPull, wire.TypeError, wire.TypeMessage:
			answers = append(answers, msg)
		default:
			t.Fatalf("%x is answered with %x", b, msg)
		}
	}
}
