package muster

import (
	"context"
	"io"
	"net"
	"testing"
)

// BenchmarkRequest is one question of 100 bytes and its reply.
func BenchmarkRequest(b *testing.B) {
	a, other := pair(b, nil)
	other.Handle("echo", func(_ context.Context, m Message) ([]byte, error) { return m.Payload, nil })
	payload := make([]byte, 100)
	ask := func(b *testing.B) {
		if _, err := a.Request(context.Background(), "b", "echo", payload); err != nil {
			b.Error(err)
		}
	}
	b.Run("p=1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("p=16", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask(b)
			}
		})
	})
}

// BenchmarkDialPerRequest is the same over a fresh TCP connection each.
func BenchmarkDialPerRequest(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buf := make([]byte, 100)
				if _, err := io.ReadFull(conn, buf); err == nil {
					_, _ = conn.Write(buf)
				}
			}()
		}
	}()
	ask := func(b *testing.B) {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer conn.Close()
		buf := make([]byte, 100)
		if _, err := conn.Write(buf); err != nil {
			b.Error(err)
		}
		if _, err := io.ReadFull(conn, buf); err != nil {
			b.Error(err)
		}
	}
	b.Run("p=1", func(b *testing.B) {
		for b.Loop() {
			ask(b)
		}
	})
	b.Run("p=16", func(b *testing.B) {
		b.SetParallelism(8)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				ask(b)
			}
		})
	})
}
