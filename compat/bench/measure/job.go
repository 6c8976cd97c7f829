// Package measure holds the measurements that run in a child process: one
// system, one cluster size, one group of rows. A process of its own makes
// processor time, heap and goroutines belong to that system alone.
package measure

import (
	"fmt"
	"math"
	"os"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// Job is what a child is asked to measure. It travels as JSON.
type Job struct {
	System string `json:"system"`
	Group  string `json:"group"` // a key of groups
	N      int    `json:"n,omitempty"`
	Pace   int    `json:"pace,omitempty"` // joins per second; 0 is as fast as 16 joiners can
	Mode   string `json:"mode,omitempty"` // pair: "compressed", "plain", "encrypted"

	JoinLimit  time.Duration `json:"join_limit,omitempty"`
	Steady     time.Duration `json:"steady,omitempty"`  // length of the window; 0 skips it
	Kills      int           `json:"kills,omitempty"`   // rounds
	Victims    int           `json:"victims,omitempty"` // per round
	Broadcasts int           `json:"broadcasts,omitempty"`
	Seconds    float64       `json:"seconds,omitempty"` // pair and micro: length of one measurement
	Seed       uint64        `json:"seed,omitempty"`
}

// Sample is one reading. AtLeast marks a measurement that was given up at V.
type Sample struct {
	V       float64 `json:"v"`
	AtLeast bool    `json:"at_least,omitempty"`
}

// Result is what a child prints: the readings of each metric.
type Result struct {
	Metrics map[string][]Sample `json:"metrics"`
	Notes   []string            `json:"notes,omitempty"`
}

// Add appends a reading to a metric.
func (r *Result) Add(metric string, v float64) {
	r.add(metric, Sample{V: v})
}

func (r *Result) add(metric string, s Sample) {
	if math.IsNaN(s.V) || math.IsInf(s.V, 0) {
		r.Note("%s: no number came out", metric)
		return
	}
	if r.Metrics == nil {
		r.Metrics = map[string][]Sample{}
	}
	r.Metrics[metric] = append(r.Metrics[metric], s)
}

// Note records what a reader of the numbers should know.
func (r *Result) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

var groups = map[string]func(system.System, Job, *Result) error{
	"cluster":     clusterGroup,
	"broadcast":   broadcastGroup,
	"pair":        pairGroup,
	"memory":      memoryGroup,
	"micro":       microGroup,
	"antientropy": antiEntropyGroup,
	"request":     requestGroup,
}

// Run does a job.
func Run(job Job) (*Result, error) {
	sys, err := system.Named(job.System)
	if err != nil {
		return nil, err
	}
	group, ok := groups[job.Group]
	if !ok {
		return nil, fmt.Errorf("no group is called %q", job.Group)
	}
	res := &Result{}
	if err := group(sys, job, res); err != nil {
		return nil, fmt.Errorf("%s %s N=%d: %w", job.System, job.Group, job.N, err)
	}
	return res, nil
}

// trace, set by an environment variable, shows a child's progress on stderr.
var traceOn = os.Getenv("BENCH_TRACE") != ""

func trace(format string, args ...any) {
	if traceOn {
		fmt.Fprintf(os.Stderr, "    "+format+"\n", args...)
	}
}
