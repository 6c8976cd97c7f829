package muster_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

var scale = flag.Bool("scale", false, "run what the issue asks for at full size")

// counted counts what a transport sends.
type counted struct {
	muster.Transport
	sent *atomic.Int64
}

func (c counted) WritePacket(b []byte, to netip.AddrPort) error {
	c.sent.Add(int64(len(b)))
	return c.Transport.WritePacket(b, to)
}

func (c counted) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	conn, err := c.Transport.Dial(ctx, to)
	if err != nil {
		return nil, err
	}
	return countedConn{conn, c.sent}, nil
}

func (c counted) Accept() (net.Conn, error) {
	conn, err := c.Transport.Accept()
	if err != nil {
		return nil, err
	}
	return countedConn{conn, c.sent}, nil
}

type countedConn struct {
	net.Conn
	sent *atomic.Int64
}

func (c countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.sent.Add(int64(n))
	return n, err
}

// TestRecordsFromEmpty: five members with many keys each converge from empty
// over real sockets, and nothing is sent twice: at most 1.2 times the data.
func TestRecordsFromEmpty(t *testing.T) {
	const members, valueSize = 5, 100
	keys := 2_000
	if *scale {
		keys = 100_000
	}
	var sent atomic.Int64
	nodes := make([]*muster.Node, members)
	for i := range nodes {
		transport, err := muster.ListenUDPTCP("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := muster.LAN()
		cfg.Name, cfg.Transport, cfg.Compression = fmt.Sprintf("n%d", i), counted{transport, &sent}, false
		if nodes[i], err = muster.Start(cfg); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := nodes[i].Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	// All have their keys before they meet, or write them while the others pull.
	var data int64
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 1))
			value := make([]byte, valueSize)
			for k := range keys {
				for j := range value {
					value[j] = byte(r.Uint32())
				}
				key := fmt.Sprintf("instance/%08d", k)
				if err := n.Records().Set(key, value, 0); err != nil {
					t.Error(err)
					return
				}
				atomic.AddInt64(&data, int64(len(key)+len(value)))
			}
		})
	}
	wg.Wait()
	sent.Store(0)
	began := time.Now()
	for _, n := range nodes[1:] {
		if _, err := n.Join(t.Context(), nodes[0].Local().Addr.String()); err != nil {
			t.Fatal(err)
		}
	}
	limit := time.NewTimer(5 * time.Minute)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		complete := 0
		for _, n := range nodes {
			if n.Records().Stats().Keys == members*keys {
				complete++
			}
		}
		if complete == members {
			break
		}
		select {
		case <-tick.C:
		case <-limit.C:
			t.Fatalf("%d of %d have all keys", complete, members)
		}
	}
	took := time.Since(began)
	for i, n := range nodes {
		for j, other := range nodes {
			key := fmt.Sprintf("instance/%08d", (i*7919+j)%keys)
			mine, _ := n.Records().Get(fmt.Sprintf("n%d", j), key)
			theirs, _ := other.Records().Get(fmt.Sprintf("n%d", j), key)
			if len(mine) != valueSize || string(mine) != string(theirs) {
				t.Errorf("n%d has another %s of n%d than its owner", i, key, j)
			}
		}
	}
	needed := data * (members - 1)
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	ratio := float64(sent.Load()) / float64(needed)
	t.Logf("%d members with %d keys each: %v, %.1f MB sent, data to be sent %.1f MB, ratio %.3f; heap %.0f B per copy of a key",
		members, keys, took.Round(time.Millisecond), float64(sent.Load())/1e6, float64(needed)/1e6, ratio,
		float64(mem.HeapAlloc)/float64(members*members*keys))
	if ratio > 1.2 {
		t.Errorf("sent %.3f times the data, at most 1.2", ratio)
	}
}
