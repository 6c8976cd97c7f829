package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/musterhq/muster/sim"
)

// report prints what was run and what was seen.
func report(w io.Writer, wall time.Duration, classes ...*class) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cell func(k *class) string) {
		fmt.Fprintf(t, "%s\t", name)
		for _, k := range classes {
			fmt.Fprintf(t, "%s\t", cell(k))
		}
		fmt.Fprintln(t)
	}
	row("", func(k *class) string { return k.name })
	row("schedules", func(k *class) string { return fmt.Sprint(k.done.Load()) })
	row("nodes", func(k *class) string {
		if k.low == k.high {
			return fmt.Sprint(k.low)
		}
		return fmt.Sprintf("%d..%d", k.low, k.high)
	})
	row("virtual time", func(k *class) string { return k.virtual.Round(time.Minute).String() })
	row("CPU time", func(k *class) string { return k.wall.Round(100 * time.Millisecond).String() })
	row("x real time, per core", func(k *class) string { return fmt.Sprintf("%.0f", k.virtual.Seconds()/max(k.wall.Seconds(), 1e-9)) })
	row("slowest agreement", func(k *class) string { return k.slowest.String() })
	for c := range sim.Counters {
		row(c.String(), func(k *class) string { return fmt.Sprint(k.counts[c]) })
	}
	// The table goes to a terminal or a log; there is nobody to tell of a
	// failed write.
	_ = t.Flush()
	fmt.Fprintf(w, "%v in all\n", wall.Round(100*time.Millisecond))
}

// A sweep this large must have seen everything at least once.
const (
	manySmall = 5000
	manyLarge = 50
)

// neverSeen lists what should happen sometimes and did not, in a sweep large
// enough to expect it.
func neverSeen(small, large *class) string {
	if small.done.Load() < manySmall || large.done.Load() < manyLarge {
		return ""
	}
	var missing []string
	for _, c := range sim.Sometimes() {
		if small.counts[c]+large.counts[c] == 0 {
			missing = append(missing, c.String())
		}
	}
	return strings.Join(missing, ", ")
}
