package main

import (
	"fmt"
	"regexp"
	"strings"
)

// source is where a row's figures come from: the readings of one metric of one
// set-up. A row with several sources pools them.
type source struct{ setup, metric string }

// part is the stage of a set-up that yields the metric.
func (s source) part() string {
	part, _, _ := strings.Cut(s.metric, "_")
	return part
}

type row struct {
	name    string
	unit    string
	sources []source
	target  target
	growth  bool // the value is that of the last source less that of the first
}

// allRows lists the rows that a plan has set-ups for.
func allRows(p plan) []row {
	var b rowBuilder
	b.plan = p
	for _, n := range []int{50, 100, 200, 500} {
		b.joinRows(n)
	}
	b.pacedJoinRows(500)
	for _, n := range []int{50, 100, 200} {
		b.steadyRows(cluster(n, 0), n)
	}
	b.steadyRows(cluster(500, pace), 500)
	b.growthRow()
	b.add("heap per member at N=10,000, just fed", "B", target{}, source{setupMemory, "memory_fed"})
	b.add("heap per member at N=10,000, nothing queued", "B", valueAtMost(100), source{setupMemory, "memory_quiet"})
	b.add("heap per member at N=10,000, after Members()", "B", target{}, source{setupMemory, "memory_listed"})
	b.killRows()
	b.add("user broadcast N=100, median member", "ms", target{}, source{setupBroadcast, "broadcast_median"})
	b.add("user broadcast N=100, last member", "ms", target{}, source{setupBroadcast, "broadcast_last"})
	for _, mode := range modes {
		b.pairRows(mode)
	}
	b.microRows()
	b.antiEntropyRows()
	b.requestRows()
	return b.rows
}

type rowBuilder struct {
	plan plan
	rows []row
}

// add appends a row, unless the plan does not measure it.
func (b *rowBuilder) add(name, unit string, t target, sources ...source) {
	var known []source
	for _, s := range sources {
		set, ok := b.plan.find(s.setup)
		switch {
		case !ok:
		case s.part() == "kill" && set.job.Kills == 0:
		case (s.part() == "steady" || s.part() == "heap") && set.job.Steady == 0:
		default:
			known = append(known, s)
		}
	}
	if len(known) > 0 {
		b.rows = append(b.rows, row{name: name, unit: unit, target: t, sources: known})
	}
}

func (b *rowBuilder) joinRows(n int) {
	set := cluster(n, 0)
	agreement, failed := target{}, target{}
	if n == 200 || n == 500 {
		agreement = ratioAtMost(1, 2)
	}
	if n == 500 {
		failed = valueAtMost(0)
	}
	b.add(fmt.Sprintf("join N=%d, to full agreement", n), "s", agreement, source{set, "join"})
	b.add(fmt.Sprintf("join N=%d, failed joins", n), "", failed, source{set, "join_failed"})
	b.add(fmt.Sprintf("join N=%d, CPU", n), "s", target{}, source{set, "join_cpu"})
}

func (b *rowBuilder) pacedJoinRows(n int) {
	set := cluster(n, pace)
	name := fmt.Sprintf("join N=%d at %d/s, ", n, pace)
	b.add(name+"to full agreement from the first join", "s", target{}, source{set, "join"})
	b.add(name+"to full agreement from the last join", "s", target{}, source{set, "join_last"})
	b.add(name+"failed joins", "", valueAtMost(0), source{set, "join_failed"})
	b.add(name+"CPU", "s", target{}, source{set, "join_cpu"})
}

func (b *rowBuilder) steadyRows(set string, n int) {
	cpu, heap := target{}, target{}
	if n == 200 {
		cpu, heap = ratioAtMost(1, 3), ratioAtMost(1, 2)
	}
	name := fmt.Sprintf("steady N=%d, ", n)
	b.add(name+"CPU per node", "ms/s", cpu, source{set, "steady_cpu"})
	b.add(name+"packets per node", "/s", target{}, source{set, "steady_packets"})
	b.add(name+"bytes per node", "B/s", target{}, source{set, "steady_bytes"})
	b.add(name+"allocated per node", "B/s", ratioAtMost(1, 20), source{set, "steady_alloc_bytes"})
	b.add(name+"objects allocated per node", "/s", target{}, source{set, "steady_alloc_objects"})
	b.add(name+"goroutines per node", "", valueAtMost(4), source{set, "steady_goroutines"})
	b.add(name+"heap per node", "B", heap, source{set, "heap_node"})
	b.add(name+"heap per member", "B", target{}, source{set, "heap_member"})
}

// growthRow compares the goroutines of the smallest and the largest cluster.
func (b *rowBuilder) growthRow() {
	small, large := cluster(50, 0), cluster(500, pace)
	if _, ok := b.plan.find(large); !ok {
		return
	}
	b.rows = append(b.rows, row{
		name: "goroutines per node, N=500 less N=50", target: valueAtMost(0.5), growth: true,
		sources: []source{{small, "steady_goroutines"}, {large, "steady_goroutines"}},
	})
}

// noSlower allows for chance: when a dead member is first probed is random,
// and that shows even over the fifty kills of a run.
var noSlower = target{kind: atMostRatio, limit: 1.1, text: "≤ 1 ± 0.1"}

func (b *rowBuilder) killRows() {
	stages := []struct{ metric, name string }{
		{"kill_suspect", "first suspicion"}, {"kill_first", "first dead"}, {"kill_last", "last dead"},
	}
	all := map[string][]source{}
	for _, n := range []int{50, 100, 200, 500} {
		set := cluster(n, 0)
		if n == 500 {
			set = cluster(n, pace)
		}
		for _, s := range stages {
			b.add(fmt.Sprintf("kill N=%d, to %s", n, s.name), "s", target{}, source{set, s.metric})
			all[s.metric] = append(all[s.metric], source{set, s.metric})
		}
	}
	for _, s := range stages {
		b.add("kill, all N, to "+s.name, "s", noSlower, all[s.metric]...)
	}
}

func (b *rowBuilder) pairRows(mode string) {
	set := pair(mode)
	for _, kind := range []string{"reliable", "packet"} {
		for _, senders := range []int{1, 8} {
			metric := fmt.Sprintf("pair_%s_%d", kind, senders)
			name := fmt.Sprintf("two nodes, %s 100 B, %s, senders=%d, ", kind, mode, senders)
			b.add(name+"delivered", "/s", ratioAtLeast(2), source{set, metric})
			b.add(name+"allocations per message", "", ratioAtMost(1, 4), source{set, metric + "_allocs"})
			if kind == "packet" {
				b.add(name+"lost", "%", target{}, source{set, metric + "_lost"})
			}
		}
	}
}

// selectRows keeps the rows whose name matches.
func selectRows(rows []row, only *regexp.Regexp) []row {
	var out []row
	for _, r := range rows {
		if only.MatchString(r.name) {
			out = append(out, r)
		}
	}
	return out
}
