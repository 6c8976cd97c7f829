package muster

import (
	"net"
	"sync"
	"testing"

	"github.com/musterhq/muster/wire"
)

// More senders than streams are served at a time, each keeping its stream: all
// messages arrive, and none is reported as taken in that was not.
func TestManyKeptStreams(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := 0
	cfg := quiet(t, "sink")
	cfg.OnMessage = func(Message) { mu.Lock(); got++; mu.Unlock() }
	sink := startNode(t, cfg)
	addr := sink.Local().Addr
	const senders = 2 * inboundMax
	for range senders {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		msg, err := sink.plain.AppendStreamMessage(nil, wire.AppendUserStream(nil, []byte("x"), wire.CapMuster))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(msg); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 64)); err != nil {
			t.Fatalf("no ack: %v", err)
		}
	}
	mu.Lock()
	if got != senders {
		t.Errorf("%d of %d messages arrived", got, senders)
	}
	mu.Unlock()
	other := startNode(t, quiet(t, "other"))
	if _, err := other.Join(ctx(t), addr.String()); err != nil {
		t.Errorf("a join beside %d kept streams: %v", senders, err)
	}
}

// A muster peer that refuses the stream has not taken the message in.
func TestRefusedIsNotTaken(t *testing.T) {
	t.Parallel()
	nodes := cluster(t, 2, nil)
	for range inboundMax {
		nodes[1].inbound <- struct{}{}
	}
	if err := nodes[0].Send(ctx(t), "n1", []byte("x")); err == nil {
		t.Error("success for a message that was refused")
	}
	for range inboundMax {
		<-nodes[1].inbound
	}
	if err := nodes[0].Send(ctx(t), "n1", []byte("x")); err != nil {
		t.Error(err)
	}
}
