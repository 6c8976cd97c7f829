// Muster-sim runs simulated clusters through random faults and checks that what
// must hold does. Without a mode it sweeps over seeds; a violation is printed
// with its seed, shrunk, and written as a file that replays it.
//
//	muster-sim -schedules 10000 -nodes 3..9 -large 200 -large-nodes 128
//	muster-sim -seed 42 -n 7 -v      one seed, with everything that happens
//	muster-sim -replay FILE          the scenarios of a file
//
// It exits with 0 when all held, 1 when something did not, 2 when it was
// called wrongly.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/sim"
)

type options struct {
	schedules, large, largeNodes int
	low, high                    int
	first                        uint64
	workers, failures, shrink    int
	out                          string
	verbose                      bool
}

func main() {
	var o options
	nodes := flag.String("nodes", "3..9", "nodes of a small cluster, `from..to`")
	flag.IntVar(&o.schedules, "schedules", 1000, "small clusters to run")
	flag.IntVar(&o.large, "large", 0, "large clusters to run")
	flag.IntVar(&o.largeNodes, "large-nodes", 128, "nodes of a large cluster")
	flag.Uint64Var(&o.first, "first", 1, "first seed of the sweep")
	flag.IntVar(&o.workers, "workers", runtime.GOMAXPROCS(0), "clusters simulated at once")
	flag.IntVar(&o.failures, "failures", 3, "violations after which the sweep stops")
	flag.IntVar(&o.shrink, "shrink", 600, "runs to spend on making a failure small; 0 leaves it as it is")
	flag.StringVar(&o.out, "out", "sim/testdata/failures", "where minimised scenarios are written; empty prints them")
	flag.BoolVar(&o.verbose, "v", false, "with -seed or -replay: print all that happens")
	seed := flag.String("seed", "", "run the scenario of this seed only")
	n := flag.Int("n", 5, "with -seed: nodes")
	replay := flag.String("replay", "", "run the scenarios of this `file` only")
	flag.Parse()

	var err error
	if o.low, o.high, err = parseRange(*nodes); err != nil || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "muster-sim: usage: -nodes wants from..to, and there are no arguments")
		os.Exit(2)
	}
	ok := false
	switch {
	case *replay != "":
		ok, err = replayFile(*replay, o.verbose)
	case *seed != "":
		ok, err = runSeed(*seed, *n, o.verbose)
	default:
		ok, err = sweep(&o)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "muster-sim:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

func parseRange(text string) (low, high int, err error) {
	from, to, found := strings.Cut(text, "..")
	if low, err = strconv.Atoi(from); err != nil {
		return 0, 0, err
	}
	high = low
	if found {
		high, err = strconv.Atoi(to)
	}
	if err == nil && (low < 2 || high < low) {
		err = fmt.Errorf("range %q is empty or below 2", text)
	}
	return low, high, err
}

func runSeed(text string, nodes int, verbose bool) (bool, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return false, fmt.Errorf("seed: %w", err)
	}
	if nodes < 2 {
		return false, fmt.Errorf("%d nodes are no cluster", nodes)
	}
	return runOne(sim.Generate(seed, nodes), verbose), nil
}

func replayFile(path string, verbose bool) (bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	f, err := script.Parse(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	ok := true
	for _, c := range f.Commands {
		s, err := sim.ParseScenario(c)
		if err != nil {
			return false, fmt.Errorf("%s:%d: %w", path, c.Line, err)
		}
		ok = runOne(s, verbose) && ok
	}
	return ok, nil
}

// runOne runs one scenario and prints it with its outcome.
func runOne(s *sim.Scenario, verbose bool) bool {
	fmt.Print(s)
	var o sim.Options
	if verbose {
		o.Trace = sim.WriteTrace(os.Stdout)
	}
	r := s.Run(o)
	fmt.Printf("----\n%s\n# hash %016x, %v of virtual time, agreement %v after the last fault\n", r.Verdict(), r.Hash, r.Virtual, r.Quiet)
	return r.Err == nil
}
