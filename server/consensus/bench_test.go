package consensus

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// benchCluster runs three nodes on plain TCP, with the disk's own speed.
func benchCluster(b *testing.B) *testCluster {
	c := newCluster(b, three, func(_ string, o *Options) {
		o.Heartbeat, o.Lease = 0, 0
		o.SegmentSize = 0
		if err := o.Stream.Close(); err != nil {
			b.Fatal(err)
		}
		s, err := Listen("127.0.0.1:0", nil)
		if err != nil {
			b.Fatal(err)
		}
		o.Stream, o.Advertise = s, s.Addr().String()
	}).startAll()
	return c
}

// BenchmarkPropose: 256-byte commands, new keys, by so many callers at the
// leader, at a follower, or at all three servers.
func BenchmarkPropose(b *testing.B) {
	c := benchCluster(b)
	leader := c.leader()
	at := map[string][]string{"leader": {leader}, "follower": c.followers()[:1], "all": three}
	for _, where := range []string{"leader", "follower", "all"} {
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", where, callers), func(b *testing.B) {
				benchPropose(b, c, at[where], callers)
			})
		}
	}
}

func benchPropose(b *testing.B, c *testCluster, at []string, callers int) {
	var next atomic.Int64
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	pad := string(bytes.Repeat([]byte("x"), 230))
	start := time.Now()
	for i := range callers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := c.node(at[i%len(at)])
			var mine []time.Duration
			for {
				k := next.Add(1)
				if k > int64(b.N) {
					break
				}
				begin := time.Now()
				if _, err := n.Propose(context.Background(), fmt.Appendf(nil, "set key-%09d %s", k%100000, pad)); err != nil {
					b.Error(err)
					return
				}
				mine = append(mine, time.Since(begin))
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		}()
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "writes/s")
	if len(took) > 0 {
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
	}
}

// BenchmarkLinearizable: the same for reads.
func BenchmarkLinearizable(b *testing.B) {
	c := benchCluster(b)
	c.node("a").must(b, "set k v")
	for where, name := range map[string]string{"leader": c.leader(), "follower": c.followers()[0]} {
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", where, callers), func(b *testing.B) {
				n := c.node(name)
				b.SetParallelism(max(1, callers/2)) // times two processors
				start := time.Now()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						if err := n.Linearizable(context.Background()); err != nil {
							b.Error(err)
							return
						}
					}
				})
				b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "reads/s")
			})
		}
	}
}
