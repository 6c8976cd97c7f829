package muster

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/musterhq/muster/wire"
)

// raw is a stream of messages to a node, written by hand.
type raw struct {
	t    *testing.T
	n    *Node
	conn net.Conn
	r    *bufio.Reader
}

// dialRaw opens one and says hello.
func dialRaw(t *testing.T, n *Node, hello wire.Hello) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", n.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &raw{t, n, conn, bufio.NewReader(conn)}
	hello.Version = wire.FrameVersion
	r.write(wire.Frame{Kind: wire.FrameHello, Hello: hello})
	return r
}

// write sends frames; the node may have hung up.
func (r *raw) write(frames ...wire.Frame) {
	var b []byte
	for _, f := range frames {
		b = f.Append(b)
	}
	_, _ = r.conn.Write(b)
}

// read returns the next frame, or how the stream ended.
func (r *raw) read() (f wire.Frame, err error) {
	msg, err := r.n.plain.ReadStreamMessage(r.r, wire.MaxFrame)
	if err != nil {
		return f, err
	}
	return f, f.Decode(msg)
}

// want reads one frame of that kind.
func (r *raw) want(kind wire.FrameKind) wire.Frame {
	r.t.Helper()
	f, err := r.read()
	if err != nil || f.Kind != kind {
		r.t.Fatalf("frame of kind %d, %v; want kind %d", f.Kind, err, kind)
	}
	return f
}

func message(id uint64, payload string) wire.Frame {
	return wire.Frame{Kind: wire.FrameSend, ID: id, Size: len(payload), Payload: []byte(payload)}
}

// More senders than streams are served at a time, each keeping its stream: all
// messages arrive, and none is reported as taken in that was not.
func TestManyKeptStreams(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := 0
	cfg := quiet(t, "sink")
	cfg.OnMessage = func(Message) { mu.Lock(); got++; mu.Unlock() }
	sink := startNode(t, cfg)
	const senders = 2 * inboundMax
	for i := range senders {
		r := dialRaw(t, sink, wire.Hello{Session: uint64(i), Epoch: 1, From: fmt.Sprint(i)})
		r.write(message(1, "x"))
		r.want(wire.FrameAck)
	}
	poll(t, "all messages", func() bool { mu.Lock(); defer mu.Unlock(); return got == senders })
	other := startNode(t, quiet(t, "other"))
	if _, err := other.Join(ctx(t), sink.addr.String()); err != nil {
		t.Errorf("a join beside %d kept streams: %v", senders, err)
	}
}

// A muster peer that refuses the stream has not taken the message in, in
// whatever way it came.
func TestRefusedIsNotTaken(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	for range inboundMax {
		nodes[1].inbound <- struct{}{}
	}
	p, err := nodes[0].lookup("n1")
	if err != nil {
		t.Fatal(err)
	}
	if err := nodes[0].Send(ctx(t), "n1", []byte("x")); err == nil {
		t.Error("success for a message that was refused")
	}
	if err := nodes[0].sendAlone(ctx(t), p, []byte("x")); err == nil {
		t.Error("success for a message that was refused, on a stream of its own")
	}
	for range inboundMax {
		<-nodes[1].inbound
	}
	if err := nodes[0].Send(ctx(t), "n1", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := nodes[0].sendAlone(ctx(t), p, []byte("x")); err != nil {
		t.Error(err)
	}
}
