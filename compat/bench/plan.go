package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/musterhq/muster/compat/bench/measure"
)

// A setup is one job as it is repeated for each system. Its name ties rows to
// it: a row belongs to a setup and reads one of its metrics.
type setup struct {
	name  string
	job   measure.Job
	reps  int
	joins int // further repetitions of the join alone, which is short and varies
}

type plan struct {
	setups []setup
}

func cluster(n, pace int) string {
	if pace > 0 {
		return fmt.Sprintf("cluster %d at %d/s", n, pace)
	}
	return fmt.Sprintf("cluster %d", n)
}

func pair(mode string) string { return "pair " + mode }

const (
	setupBroadcast = "broadcast"
	setupMemory    = "memory"
	setupMicro     = "micro"

	setupAntiEntropy = "antientropy"
	setupRequest     = "request"

	pace = 25 // joins per second of the paced cluster
)

var modes = []string{"compressed", "plain", "encrypted"}

func fullPlan() plan {
	var p plan
	for _, n := range []int{50, 100, 200} {
		p.add(cluster(n, 0), 2, measure.Job{
			Group: "cluster", N: n, JoinLimit: 2 * time.Minute, Steady: 15 * time.Second, Kills: 2, Victims: 3 + n/100,
		})
		p.setups[len(p.setups)-1].joins = 2
	}
	p.add(cluster(500, 0), 2, measure.Job{Group: "cluster", N: 500, JoinLimit: 90 * time.Second})
	p.add(cluster(500, pace), 2, measure.Job{
		Group: "cluster", N: 500, Pace: pace, JoinLimit: 100 * time.Second, Steady: 15 * time.Second, Kills: 1, Victims: 5,
	})
	p.add(setupBroadcast, 2, measure.Job{Group: "broadcast", N: 100, JoinLimit: time.Minute, Broadcasts: 6})
	p.small(2, 2*time.Second, time.Second, 2, 2)
	return p
}

func quickPlan() plan {
	var p plan
	p.add(cluster(50, 0), 1, measure.Job{Group: "cluster", N: 50, JoinLimit: time.Minute, Steady: 5 * time.Second, Kills: 1, Victims: 3})
	p.add(cluster(100, 0), 1, measure.Job{Group: "cluster", N: 100, JoinLimit: time.Minute, Steady: 5 * time.Second})
	p.add(setupBroadcast, 1, measure.Job{Group: "broadcast", N: 100, JoinLimit: time.Minute, Broadcasts: 2})
	p.small(1, 500*time.Millisecond, 250*time.Millisecond, 1, 1)
	return p
}

// small adds the set-ups that need no cluster.
func (p *plan) small(pairReps int, flood, micro time.Duration, memoryReps, microReps int) {
	for _, mode := range modes {
		p.add(pair(mode), pairReps, measure.Job{Group: "pair", N: 2, Mode: mode, Seconds: flood.Seconds()})
	}
	p.add(setupMemory, memoryReps, measure.Job{Group: "memory", N: 10_000})
	p.add(setupMicro, microReps, measure.Job{Group: "micro", N: 10_000, Seconds: micro.Seconds()})
	p.add(setupAntiEntropy, 1, measure.Job{Group: "antientropy"})
	p.add(setupRequest, pairReps+1, measure.Job{Group: "request", N: 2, Seconds: flood.Seconds()})
}

func (p *plan) add(name string, reps int, job measure.Job) {
	p.setups = append(p.setups, setup{name: name, job: job, reps: reps})
}

func (p *plan) find(name string) (setup, bool) {
	i := slices.IndexFunc(p.setups, func(s setup) bool { return s.name == name })
	if i < 0 {
		return setup{}, false
	}
	return p.setups[i], true
}

// task is one child process.
type task struct {
	setup string
	rep   int
	reps  int
	job   measure.Job
}

// jobs lists the children that the rows need, the systems taking turns: what
// else the machine does meanwhile is then spread over both. Parts of a job
// that no row needs are left out.
func (p *plan) jobs(rows []row, systems []string) []task {
	var tasks []task
	for _, s := range p.setups {
		need := map[string]bool{}
		for _, r := range rows {
			for _, src := range r.sources {
				if src.setup == s.name {
					need[src.part()] = true
				}
			}
		}
		if len(need) == 0 {
			continue
		}
		job := s.job
		if !need["steady"] && !need["heap"] {
			job.Steady = 0
		}
		if !need["kill"] {
			job.Kills = 0
		}
		reps := s.reps
		if need["join"] {
			reps += s.joins
		}
		for rep := range reps {
			if rep == s.reps {
				job.Steady, job.Kills = 0, 0
			}
			for _, sys := range systems {
				job.System = sys
				job.Seed = uint64(rep + 1)
				tasks = append(tasks, task{setup: s.name, rep: rep + 1, reps: reps, job: job})
			}
		}
	}
	return tasks
}
