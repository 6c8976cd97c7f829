package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/musterhq/muster/compat/bench/measure"
)

// key names the readings of one metric of one set-up by one system.
type key struct {
	source
	system string
}

// runner runs tasks one after the other and collects what they read.
type runner struct {
	progress io.Writer
	results  map[key][]measure.Sample
	notes    []note
	failed   []string
	took     time.Duration
}

// note is a remark of a child on its own figures.
type note struct {
	System string `json:"system"`
	Setup  string `json:"setup"`
	Rep    int    `json:"rep"`
	Text   string `json:"text"`
}

// run does all tasks. A child that fails leaves its rows empty and the others
// go on; only an interruption ends the run.
func (r *runner) run(ctx context.Context, tasks []task) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	begin := time.Now()
	for i, t := range tasks {
		r.sayf("[%2d/%d %s] %s: %s, %d of %d ... ", i+1, len(tasks), clock(time.Since(begin)), t.job.System, t.setup, t.rep, t.reps)
		at := time.Now()
		res, err := runChild(ctx, self, t.job, r.progress)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		if err != nil {
			r.sayf("failed: %v\n", err)
			r.failed = append(r.failed, fmt.Sprintf("%s, %s, run %d: %v", t.job.System, t.setup, t.rep, err))
			continue
		}
		r.sayf("%.0f s\n", time.Since(at).Seconds())
		r.collect(t, res)
	}
	r.took = time.Since(begin)
	return nil
}

func (r *runner) collect(t task, res *measure.Result) {
	for metric, samples := range res.Metrics {
		k := key{source{t.setup, metric}, t.job.System}
		r.results[k] = append(r.results[k], samples...)
	}
	for _, text := range res.Notes {
		r.notes = append(r.notes, note{System: t.job.System, Setup: t.setup, Rep: t.rep, Text: text})
	}
}

// value is what a system reached in a row.
func (r *runner) value(w row, system string) value {
	if w.growth {
		first := median(r.results[key{w.sources[0], system}])
		last := median(r.results[key{w.sources[len(w.sources)-1], system}])
		if !first.ok || !last.ok {
			return value{}
		}
		return median([]measure.Sample{{V: last.median.V - first.median.V}})
	}
	var pooled []measure.Sample
	for _, s := range w.sources {
		pooled = append(pooled, r.results[key{s, system}]...)
	}
	return median(pooled)
}

func (r *runner) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(r.progress, format, args...) // progress only
}

// childLimit ends a child that hangs.
const childLimit = 10 * time.Minute

func runChild(ctx context.Context, self string, job measure.Job, stderr io.Writer) (*measure.Result, error) {
	arg, err := json.Marshal(job)
	if err != nil {
		return nil, fmt.Errorf("write job: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, childLimit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, childCommand, string(arg))
	cmd.Stdout, cmd.Stderr = &out, stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stopped after %v: %w", childLimit, err)
		}
		return nil, err
	}
	var res measure.Result
	if err := json.Unmarshal(out.Bytes(), &res); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return &res, nil
}

func clock(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
