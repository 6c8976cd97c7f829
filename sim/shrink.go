package sim

import "slices"

// Shrink makes a failing scenario small: it drops faults as long as the same
// invariant is still violated (ddmin, Zeller and Hildebrandt 2002), then nodes,
// then settings. At most budget runs are made.
func Shrink(s *Scenario, budget int) (*Scenario, Result) {
	best := *s
	result := best.Run(Options{})
	first, ok := result.Violated()
	if !ok {
		return s, result
	}
	fails := func(try *Scenario) bool {
		if budget--; budget < 0 {
			return false
		}
		r := try.Run(Options{})
		v, ok := r.Violated()
		if !ok || v.Invariant != first.Invariant {
			return false
		}
		best, result = *try, r
		return true
	}
	for changed := true; changed && budget > 0; {
		changed = shrinkFaults(&best, fails)
		changed = shrinkNodes(&best, fails) || changed
		changed = shrinkTuning(&best, fails) || changed
	}
	return &best, result
}

// shrinkFaults drops chunks of the schedule, ever smaller ones.
func shrinkFaults(best *Scenario, fails func(*Scenario) bool) (changed bool) {
	for size := (len(best.Faults) + 1) / 2; size > 0; {
		dropped := false
		for at := 0; at < len(best.Faults); {
			try := *best
			try.Faults = slices.Delete(slices.Clone(best.Faults), at, min(at+size, len(best.Faults)))
			if fails(&try) {
				dropped, changed = true, true
				continue
			}
			at += size
		}
		if !dropped || size > len(best.Faults) {
			size /= 2
		}
	}
	return changed
}

// nodesMin is the smallest cluster that is still one.
const nodesMin = 3

// shrinkNodes drops the last nodes, and what the schedule says of them.
func shrinkNodes(best *Scenario, fails func(*Scenario) bool) (changed bool) {
	for step := best.Nodes / 2; step > 0; step /= 2 {
		for best.Nodes-step >= nodesMin {
			try := *best
			try.Nodes -= step
			try.Faults = best.Faults.within(try.Nodes)
			if !fails(&try) {
				break
			}
			changed = true
		}
	}
	return changed
}

// within keeps what a schedule says of the first n nodes.
func (s Schedule) within(n int) Schedule {
	var kept Schedule
	for _, f := range s {
		all := len(f.Targets) == 0
		f.Targets = slices.DeleteFunc(slices.Clone(f.Targets), func(t int) bool { return t >= n })
		if all || len(f.Targets) > 0 && (!f.Kind.directed() || len(f.Targets) == 2) {
			kept = append(kept, f)
		}
	}
	return kept
}

// shrinkTuning drops settings, the last first.
func shrinkTuning(best *Scenario, fails func(*Scenario) bool) (changed bool) {
	for i := len(best.Tuning) - 1; i > 0; i-- {
		try := *best
		try.Tuning = best.Tuning.without(i)
		if fails(&try) {
			changed = true
		}
	}
	return changed
}
