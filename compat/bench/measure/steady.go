package measure

import (
	"runtime"
	"slices"
	"time"
)

// settledRate is the packets per node and second below which a cluster is
// taken to have stopped gossiping: a ping and an ack, and a tenth more.
const settledRate = 2.2

// settle waits until the cluster has nothing left to spread: two seconds in a
// row below settledRate. It reports false when that did not come.
func (c *cluster) settle(limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for quiet := 0; quiet < 2; {
		if time.Now().After(deadline) {
			return false
		}
		before, at := c.traffic.Read().Packets, time.Now()
		time.Sleep(time.Second)
		rate := float64(c.traffic.Read().Packets-before) / time.Since(at).Seconds() / float64(c.live())
		if rate <= settledRate {
			quiet++
		} else {
			quiet = 0
		}
	}
	return true
}

// base is what the process holds before a cluster is started in it.
type base struct {
	heap       uint64
	goroutines int
}

func readBase() base {
	return base{heap: liveHeap(), goroutines: runtime.NumGoroutine()}
}

// liveHeap is what is reachable: two collections, since the first only moves
// the contents of pools to where the second frees them.
func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// steady measures a cluster that is left alone for a while.
func (c *cluster) steady(window time.Duration, b base, res *Result) error {
	var m0, m1 runtime.MemStats
	runtime.ReadMemStats(&m0)
	t0 := c.traffic.Read()
	warned, gone := c.warned.Load(), c.gone.Load()
	cpu0, err := cpuTime()
	if err != nil {
		return err
	}
	begin := time.Now()
	const readings = 21
	var goroutines [readings]int
	for i := range goroutines {
		time.Sleep(window / readings)
		goroutines[i] = runtime.NumGoroutine() - b.goroutines
	}
	cpu1, err := cpuTime()
	if err != nil {
		return err
	}
	took := time.Since(begin).Seconds()
	t1 := c.traffic.Read()
	runtime.ReadMemStats(&m1)

	n := float64(c.live())
	perNode := func(from, to uint64) float64 { return float64(to-from) / n / took }
	res.Add("steady_cpu", float64(cpu1-cpu0)/float64(time.Millisecond)/n/took)
	res.Add("steady_packets", perNode(t0.Packets, t1.Packets))
	res.Add("steady_bytes", perNode(t0.PacketBytes, t1.PacketBytes))
	res.Add("steady_stream_bytes", perNode(t0.StreamBytes, t1.StreamBytes))
	res.Add("steady_alloc_bytes", perNode(m0.TotalAlloc, m1.TotalAlloc))
	res.Add("steady_alloc_objects", perNode(m0.Mallocs, m1.Mallocs))
	slices.Sort(goroutines[:])
	res.Add("steady_goroutines", float64(goroutines[readings/2])/n)
	if w := c.warned.Load() - warned; w > 0 {
		res.Note("%d warnings and %d deaths declared in the steady window", w, c.gone.Load()-gone)
	}
	heap := float64(liveHeap()-b.heap) / n
	res.Add("heap_node", heap)
	res.Add("heap_member", heap/n)
	return nil
}
