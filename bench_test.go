package muster

import (
	"context"
	"log/slog"
	"testing"
	"time"
)

// pair starts two nodes that know each other; the second counts messages.
func pair(b *testing.B, got chan<- struct{}) (*Node, *Node) {
	b.Helper()
	nodes := make([]*Node, 2)
	for i := range nodes {
		cfg := LAN()
		cfg.Name, cfg.Bind = string(rune('a'+i)), "127.0.0.1:0"
		cfg.Logger = slog.New(slog.DiscardHandler)
		cfg.Compression = false
		if i == 1 {
			cfg.OnMessage = func(Message) { got <- struct{}{} }
		}
		n, err := Start(cfg)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = n.Close() })
		nodes[i] = n
	}
	c, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := nodes[0].Join(c, nodes[1].Local().Addr.String()); err != nil {
		b.Fatal(err)
	}
	return nodes[0], nodes[1]
}

// BenchmarkSend is one reliable message of 100 bytes, acknowledged.
func BenchmarkSend(b *testing.B) {
	got := make(chan struct{}, 1<<20)
	a, _ := pair(b, got)
	payload := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Send(context.Background(), "b", payload); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// BenchmarkSendPacket is one packet of 100 bytes, waited for.
func BenchmarkSendPacket(b *testing.B) {
	got := make(chan struct{}, 1<<20)
	a, _ := pair(b, got)
	payload := make([]byte, 100)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.SendPacket("b", payload); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}
