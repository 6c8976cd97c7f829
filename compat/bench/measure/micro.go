package measure

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/compat/bench/micro"
	"github.com/musterhq/muster/compat/bench/system"
)

// microRepeats splits the time of a benchmark: the median of several short ones
// is steadier than one long one where something else runs at times.
const microRepeats = 5

// microGroup runs the benchmarks of single operations, as go test would.
func microGroup(sys system.System, job Job, res *Result) error {
	testing.Init()
	length := time.Duration(job.Seconds / microRepeats * float64(time.Second))
	if err := flag.Set("test.benchtime", length.String()); err != nil {
		return fmt.Errorf("set length of benchmarks: %w", err)
	}
	benches, err := micro.For(sys.Name())
	if err != nil {
		return err
	}
	for range microRepeats {
		for _, bm := range benches {
			if err := microOne(bm, res); err != nil {
				return err
			}
		}
	}
	return nil
}

func microOne(bm micro.Bench, res *Result) error {
	r := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		bm.Run(b)
	})
	if r.N == 0 {
		return fmt.Errorf("benchmark %s failed", bm.Name)
	}
	ops := float64(r.N * bm.PerLoop())
	ns, allocs := float64(r.T.Nanoseconds())/ops, float64(r.MemAllocs)/ops
	if allocs < 0.01 {
		// What the runtime itself allocates now and then, over many operations.
		allocs = 0
	}
	res.Add("micro_"+bm.Name+"_ns", ns)
	res.Add("micro_"+bm.Name+"_allocs", allocs)
	trace("%s: %.1f ns, %.2f allocs, %d runs", bm.Name, ns, allocs, r.N)
	return nil
}
