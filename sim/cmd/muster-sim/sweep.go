package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster/sim"
)

// class is one kind of cluster of the sweep.
type class struct {
	name      string
	schedules int
	low, high int
	budget    int // percent of the runs to spend on shrinking

	done    atomic.Int64
	mu      sync.Mutex // guards what follows
	counts  sim.Counts
	virtual time.Duration
	slowest time.Duration // agreement
	wall    time.Duration // summed over the workers
}

func (k *class) scenario(seed uint64) *sim.Scenario {
	return sim.Generate(seed, k.low+int(seed%uint64(k.high-k.low+1)))
}

// add takes the result of one run.
func (k *class) add(r *sim.Result, wall time.Duration) {
	k.done.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.counts.Add(&r.Counts)
	k.virtual += r.Virtual
	k.wall += wall
	k.slowest = max(k.slowest, r.Quiet)
}

// failure is one violation found.
type failure struct {
	class *class
	seed  uint64
	after int64 // schedules
	err   error
}

// sweep runs all classes, each run in one goroutine, as many at once as there
// are workers. It tells whether everything held.
func sweep(o *options) (bool, error) {
	small := &class{name: "small", schedules: o.schedules, low: o.low, high: o.high, budget: 100}
	large := &class{name: "large", schedules: o.large, low: o.largeNodes, high: o.largeNodes, budget: 10}
	begin := time.Now()
	var failures []failure
	for _, k := range []*class{small, large} {
		if k.schedules > 0 && len(failures) < o.failures {
			failures = append(failures, k.run(o, o.failures-len(failures))...)
		}
	}
	wall := time.Since(begin)
	report(os.Stdout, wall, small, large)
	for _, f := range failures {
		if err := f.explain(o); err != nil {
			return false, err
		}
	}
	if len(failures) > 0 {
		return false, nil
	}
	if missing := neverSeen(small, large); missing != "" {
		fmt.Println("NEVER SEEN:", missing)
		return false, nil
	}
	return true, nil
}

// run runs the class's schedules and returns up to most failures, by seed.
func (k *class) run(o *options, most int) []failure {
	var (
		next    atomic.Uint64
		workers sync.WaitGroup
		mu      sync.Mutex
		found   []failure
		stop    atomic.Bool
	)
	for range o.workers {
		workers.Go(func() {
			for !stop.Load() {
				i := next.Add(1) - 1
				if i >= uint64(k.schedules) {
					return
				}
				seed, begin := o.first+i, time.Now()
				r := k.scenario(seed).Run(sim.Options{})
				k.add(&r, time.Since(begin))
				if r.Err == nil {
					continue
				}
				mu.Lock()
				found = append(found, failure{k, seed, k.done.Load(), r.Err})
				stop.Store(len(found) >= most)
				mu.Unlock()
			}
		})
	}
	finished := make(chan struct{})
	go func() {
		workers.Wait()
		close(finished)
	}()
	k.progress(finished)
	return found
}

// progress prints how far the sweep is until it is finished.
func (k *class) progress(finished <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
			fmt.Fprintf(os.Stderr, "%s: %d of %d\n", k.name, k.done.Load(), k.schedules)
		}
	}
}

// explain prints a failure and its minimised scenario, and keeps that.
func (f *failure) explain(o *options) error {
	s := f.class.scenario(f.seed)
	fmt.Printf("\nFAILED after %d schedules: %v\nreplay: muster-sim -seed %d -n %d -v\n", f.after, f.err, f.seed, s.Nodes)
	if o.shrink == 0 {
		return nil
	}
	least, r := sim.Shrink(s, o.shrink*f.class.budget/100)
	text := least.File(fmt.Sprintf("Seed %d at %d nodes; minimised:\n%s", f.seed, s.Nodes, r.Verdict()))
	fmt.Printf("minimised from %d faults to %d:\n%s", len(s.Faults), len(least.Faults), text)
	if o.out == "" {
		return nil
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	path := filepath.Join(o.out, fmt.Sprintf("seed-%d-n%d.txt", f.seed, s.Nodes))
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Println("written to", path)
	return nil
}
