package grpcapi

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"
)

// Clients ping, and must not be told that this is too often: the client of
// Nacos in Go pings every 60 s, grpc lets none ping more often than every 10 s.
func TestPings(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	d := newDoor(t, nil)
	p := d.dial(grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 5 * time.Second, PermitWithoutStream: true}))
	p.setUp(plainSetup).want(0, "HealthCheckResponse", "HealthCheckRequest", `{}`)
	before := d.conns()
	time.Sleep(33 * time.Second) // pings come in real time
	if after := d.conns(); len(after) != 1 || after[0] != before[0] {
		t.Fatal("the connection was ended")
	}
}

func (d *door) conns() (all []*conn) {
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	for c := range d.server.conns {
		all = append(all, c)
	}
	return all
}

func benchmark(b *testing.B, kind string, body func(n int) string) {
	d := newDoor(&testing.T{}, func(o *Options) { o.MaxRate = 1 << 30 })
	d.t = nil
	const clients = 8
	var peers []*peer
	for range clients {
		p := d.dialBench(b)
		peers = append(peers, p)
	}
	b.SetParallelism(clients)
	b.ResetTimer()
	next := make(chan *peer, clients)
	for _, p := range peers {
		next <- p
	}
	b.RunParallel(func(pb *testing.PB) {
		p := <-next
		next <- p
		n := 0
		for pb.Next() {
			n++
			r := new(Payload)
			if err := p.conn.Invoke(context.Background(), "/Request/request", &Payload{Type: kind, Body: []byte(body(n))}, r); err != nil {
				b.Error(err)
				return
			}
			if r.Type == "ErrorResponse" {
				b.Error(string(r.Body))
				return
			}
		}
	})
}

func (d *door) dialBench(b *testing.B) *peer {
	b.Helper()
	d.t = &testing.T{}
	return d.dial().setUp(plainSetup)
}

func BenchmarkRegister(b *testing.B) {
	benchmark(b, "InstanceRequest", func(n int) string {
		return fmt.Sprintf(`{"headers":{},"requestId":"","namespace":"public","serviceName":"com.example.Service%d","groupName":"DEFAULT_GROUP","module":"naming","type":"registerInstance","instance":%s}`, n%1000, instance)
	})
}

func BenchmarkQuery(b *testing.B) {
	benchmark(b, "ServiceQueryRequest", func(n int) string {
		return fmt.Sprintf(`{"headers":{},"requestId":"","namespace":"public","serviceName":"com.example.Service%d","groupName":"DEFAULT_GROUP","module":"naming","cluster":"","healthyOnly":false,"udpPort":0}`, n%1000)
	})
}
