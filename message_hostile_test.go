package muster

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/wire"
)

// ended waits until the node has hung up, reading what it still says.
func (r *raw) ended() {
	r.t.Helper()
	if err := r.conn.SetReadDeadline(time.Now().Add(15 * time.Second)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r.r); errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Error("the node did not hang up")
	}
}

// What a caller may not do ends its stream, and nothing else.
func TestHostileFrames(t *testing.T) {
	t.Parallel()
	n := startNode(t, quiet(t, "victim"))
	n.Handle("echo", echo)
	ok := wire.Hello{Session: 1, Epoch: 1, From: "caller"}
	many := make([]wire.Frame, takenCalls+1)
	for i := range many {
		many[i] = wire.Frame{Kind: wire.FrameSend, ID: uint64(i + 1), Size: 2, Payload: []byte("x")}
	}
	var much []wire.Frame
	for id := uint64(1); len(much) <= takenBytes/wire.MaxFramePayload+2; id++ {
		much = append(much, wire.Frame{Kind: wire.FrameSend, ID: id, Size: wire.MaxFramePayload + 1, Payload: make([]byte, wire.MaxFramePayload)})
	}
	for what, frames := range map[string][]wire.Frame{
		"a second hello":         {{Kind: wire.FrameHello, Hello: ok}},
		"an answer to nothing":   {{Kind: wire.FrameReply, ID: 1}},
		"one ID twice":           {{Kind: wire.FrameSend, ID: 1, Size: 2}, {Kind: wire.FrameSend, ID: 1, Size: 2}},
		"more than it announced": {{Kind: wire.FrameSend, ID: 1, Size: 1}, {Kind: wire.FramePart, ID: 1, Payload: []byte("xy")}},
		"no ID":                  {{Kind: wire.FrameSend, Size: 2}},
		"empty parts":            {{Kind: wire.FrameSend, ID: 1, Size: 1}, {Kind: wire.FramePart, ID: 1}},
		"too many at a time":     many,
		"too much at a time":     much,
	} {
		t.Run(what, func(t *testing.T) {
			ok.Session++
			r := dialRaw(t, n, ok)
			r.write(frames...)
			r.ended()
			poll(t, "nothing counted", func() bool { return n.served.bytes.Load() == 0 && n.served.open() == 0 })
		})
	}
	for what, b := range map[string][]byte{
		"a huge length":        binary.BigEndian.AppendUint32([]byte{byte(wire.TypeMessage)}, 1<<32-1),
		"no hello":             (&wire.Frame{Kind: wire.FrameAck, ID: 1}).Append(nil),
		"another version":      (&wire.Frame{Kind: wire.FrameHello, Hello: wire.Hello{Version: 9}}).Append(nil),
		"a kind of the future": wire.EndFramed(append(wire.BeginFramed(nil, wire.TypeMessage), 99, 1), 0),
	} {
		conn, err := net.Dial("tcp", n.addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the node did not hang up", what)
		}
	}
	ok.Session++
	r := dialRaw(t, n, ok)
	// Of no use, and no harm: what refers to nothing that is under way.
	r.write(wire.Frame{Kind: wire.FramePart, ID: 77, Payload: []byte("x")}, wire.Frame{Kind: wire.FrameCancel, ID: 78})
	r.write(wire.Frame{Kind: wire.FrameRequest, ID: 1, Size: 2, Topic: "echo", Payload: []byte("hi")})
	if f := r.want(wire.FrameReply); string(f.Payload) != "hi" {
		t.Errorf("replied %q", f.Payload)
	}
}

// A caller that asks without end and never reads an answer: what waits for it
// is bounded, others are served meanwhile, and its stream breaks in the end.
func TestCallerThatNeverReads(t *testing.T) {
	t.Parallel()
	cfg := quiet(t, "victim")
	cfg.StreamTimeout = time.Second
	n := startNode(t, cfg)
	reply := make([]byte, 256<<10)
	n.Handle("much", func(context.Context, Message) ([]byte, error) { return reply, nil })
	n.Handle("echo", echo)
	r := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 1, From: "deaf"})
	asking := make(chan struct{})
	go func() {
		defer close(asking)
		for id := uint64(1); ; id++ {
			f := wire.Frame{Kind: wire.FrameRequest, ID: id, Topic: "much"}
			if _, err := r.conn.Write(f.Append(nil)); err != nil {
				return
			}
		}
	}()
	other := dialRaw(t, n, wire.Hello{Session: 2, Epoch: 1, From: "other"})
	id, most := uint64(0), 0
	for running := true; running; {
		select {
		case <-asking:
			running = false
		default:
		}
		id++
		other.write(wire.Frame{Kind: wire.FrameRequest, ID: id, Size: 1, Topic: "echo", Payload: []byte("x")})
		other.want(wire.FrameReply)
		n.served.mu.Lock()
		if l := n.served.links[1]; l != nil {
			l.out.mu.Lock()
			most = max(most, l.out.backlog())
			l.out.mu.Unlock()
		}
		n.served.mu.Unlock()
	}
	if limit := windowBytes + requestsMax*len(reply); most > limit {
		t.Errorf("%d bytes waited for a caller that does not read, want at most %d", most, limit)
	}
	poll(t, "its stream gone", func() bool { return n.served.open() == 1 && n.Stats().RequestsRunning == 0 })
}

// What a stream has brought and could not be delivered is not delivered after
// what comes over the stream that its caller opened in its place.
func TestNewStreamRetiresTheOld(t *testing.T) {
	t.Parallel()
	release, got := make(chan struct{}), make(chan string, messagesMax+10)
	cfg := quiet(t, "n")
	cfg.OnMessage = func(m Message) { <-release; got <- string(m.Payload) }
	n := startNode(t, cfg)
	old := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 1, From: "a"})
	sent := uint64(0)
	for range messagesMax + 1 { // one is with the application
		sent++
		old.write(message(sent, fmt.Sprint(sent)))
		old.want(wire.FrameAck)
	}
	old.write(message(sent+1, "too late"))
	poll(t, "one that waits", func() bool { return n.Stats().MessagesWaiting == messagesMax+1 })
	fresh := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 2, From: "a"})
	old.ended()
	fresh.write(message(1, "new"))
	poll(t, "the new one waiting instead", func() bool { return n.Stats().MessagesWaiting == messagesMax+1 })
	close(release)
	fresh.want(wire.FrameAck)
	for i := uint64(1); i <= sent; i++ {
		if m := receive(t, "a message", got); m != fmt.Sprint(i) {
			t.Fatalf("got %s, want %d", m, i)
		}
	}
	if m := receive(t, "the last message", got); m != "new" {
		t.Errorf("got %q after the rest, want the new one", m)
	}
	stale := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 1, From: "a"})
	stale.ended()
	fresh.write(message(2, "still"))
	fresh.want(wire.FrameAck)
}

// Small frames pass a large message that is being written, which passes another
// large one in turns; a withdrawn one is not read any more.
func TestLargeMessagesTakeTurns(t *testing.T) {
	t.Parallel()
	n := startNode(t, quiet(t, "n"))
	here, there := net.Pipe()
	defer there.Close()
	var o outbox
	o.init(n, here)
	large := func(id uint64) ticket {
		return o.put(&wire.Frame{Kind: wire.FrameSend, ID: id, Size: 4 * wire.MaxFramePayload, Payload: make([]byte, 4*wire.MaxFramePayload)}, false)
	}
	first := large(1) // its first chunk is being written: nobody reads yet
	poll(t, "a write", func() bool { o.mu.Lock(); defer o.mu.Unlock(); return o.rest == 3*wire.MaxFramePayload })
	second, third := large(2), large(3)
	small := o.put(&wire.Frame{Kind: wire.FrameAck, ID: 9}, true)
	o.withdraw(third)
	if handed, _ := o.handed(small); handed {
		t.Error("a frame is said to be handed over that nobody could write yet")
	}
	r := &raw{t, n, there, bufio.NewReader(there)}
	var order []string
	for range 9 {
		f, err := r.read()
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, fmt.Sprint(f.ID))
	}
	if got, want := strings.Join(order, " "), "1 9 1 2 1 2 1 2 2"; got != want {
		t.Errorf("written in the order %s, want %s", got, want)
	}
	for _, c := range []ticket{first, second, small} {
		poll(t, "handed over", func() bool { handed, _ := o.handed(c); return handed })
	}
	if handed, _ := o.handed(third); handed {
		t.Error("the withdrawn one is said to be handed over")
	}
	_ = o.fail(io.EOF)
	if err := here.Close(); err != nil {
		t.Error(err)
	}
}

// Streams of messages are bounded in number.
func TestStreamsBounded(t *testing.T) {
	t.Parallel()
	n := startNode(t, quiet(t, "n"))
	for i := range keptMax {
		n.served.mu.Lock()
		if n.served.links == nil {
			n.served.links = map[uint64]*servedLink{}
		}
		n.served.links[1<<32+uint64(i)] = nil
		n.served.mu.Unlock()
	}
	r := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 1, From: "one too many"})
	if f := r.want(wire.FrameFailure); f.ID != 0 || f.Code != wire.FailBusy {
		t.Errorf("answered with %+v", f)
	}
	if n.Stats().StreamsRefused != 1 {
		t.Error("the refusal was not counted")
	}
}

// Only callers of a related namespace are heard.
func TestNamespaceOfCaller(t *testing.T) {
	t.Parallel()
	cfg := quiet(t, "n")
	cfg.Namespace = "prod/eu"
	n := startNode(t, cfg)
	n.Handle("echo", echo)
	for i, namespace := range []string{"prod/eu", "prod", "", "prod/eu/shop", "prod/us", "test"} {
		r := dialRaw(t, n, wire.Hello{Session: uint64(i), Epoch: 1, From: "caller", Namespace: namespace})
		r.write(wire.Frame{Kind: wire.FrameRequest, ID: 1, Topic: "echo"})
		f, err := r.read()
		if want := i < 4; err != nil || (f.Kind == wire.FrameReply) != want || !want && (f.ID != 0 || f.Code != wire.FailNamespace) {
			t.Errorf("of namespace %q: %+v, %v", namespace, f, err)
		}
	}
}

// A message that waits for room is withdrawn when its sender gives up, and those
// behind it are not.
func TestWithdrawnMessage(t *testing.T) {
	t.Parallel()
	release, got := make(chan struct{}), make(chan string, 10)
	cfg := quiet(t, "n")
	cfg.MessageQueue = 1
	cfg.OnMessage = func(m Message) { <-release; got <- string(m.Payload) }
	n := startNode(t, cfg)
	r := dialRaw(t, n, wire.Hello{Session: 1, Epoch: 1, From: "a"})
	r.write(message(1, "1"))
	r.want(wire.FrameAck)
	poll(t, "the first with the application", func() bool { return n.Stats().MessagesWaiting == 0 })
	r.write(message(2, "2"))
	r.want(wire.FrameAck)
	r.write(message(3, "3"), message(4, "4"), wire.Frame{Kind: wire.FrameCancel, ID: 3})
	poll(t, "one that waits for room", func() bool { return n.Stats().MessagesWaiting == 2 })
	close(release)
	for _, want := range []string{"1", "2", "4"} {
		if m := receive(t, "a message", got); m != want {
			t.Errorf("got %s, want %s", m, want)
		}
	}
	if f := r.want(wire.FrameAck); f.ID != 4 {
		t.Errorf("acknowledged %d", f.ID)
	}
	if left := n.served.bytes.Load(); left != 0 {
		t.Errorf("%d bytes are still counted", left)
	}
}

// Who has more waiting than allowed waits until it is written, and sees to it
// that it is.
func TestBacklogIsWaitedFor(t *testing.T) {
	t.Parallel()
	n := startNode(t, quiet(t, "n"))
	here, there := net.Pipe()
	defer there.Close()
	var o outbox
	o.init(n, here)
	frame := wire.Frame{Kind: wire.FrameReply, ID: 1, Size: wire.MaxFramePayload, Payload: make([]byte, wire.MaxFramePayload)}
	for range 4 {
		o.add(&frame)
	}
	if !o.drain(wire.MaxFramePayload) { // which has them taken to be written
		t.Error("the stream is said not to work")
	}
	for range 3 {
		o.add(&frame)
	}
	drained := make(chan bool, 1)
	go func() { drained <- o.drain(wire.MaxFramePayload) }()
	r := &raw{t, n, there, bufio.NewReader(there)}
	for range 3 {
		r.want(wire.FrameReply)
		if len(drained) > 0 {
			t.Error("did not wait")
		}
	}
	for range 4 {
		r.want(wire.FrameReply)
	}
	if !receive(t, "the end of the waiting", drained) {
		t.Error("the stream is said not to work")
	}
	o.add(&frame)
	go func() { drained <- o.drain(0) }()
	_ = o.fail(io.EOF)
	if err := here.Close(); err != nil {
		t.Error(err)
	}
	receive(t, "the end of the waiting", drained)
}

// Streams to peers are bounded: a link that is idle is closed while there are
// many, and none is opened while there are too many.
func TestLinksBounded(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	nodes[1].Handle("echo", echo)
	p := &nodes[0].streams
	fill := func(most int) {
		p.mu.Lock()
		defer p.mu.Unlock()
		for port := uint16(1); len(p.links) < most; port++ {
			p.links[netip.AddrPortFrom(netip.IPv4Unspecified(), port)] = &link{n: nodes[0]}
		}
	}
	fill(pooledStreams)
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
		t.Error(err)
	}
	poll(t, "the idle stream closed", func() bool { return nodes[1].Stats().MessageStreams == 0 })
	fill(pooledMost)
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); !errors.Is(err, ErrBusy) {
		t.Errorf("one stream too many: %v", err)
	}
	p.mu.Lock()
	clear(p.links)
	p.mu.Unlock()
	if _, err := nodes[0].Request(ctx(t), "n1", "echo", nil); err != nil {
		t.Error(err)
	}
}
