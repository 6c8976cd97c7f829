package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"text/tabwriter"
)

// A report is what a run found.
type report struct {
	Machine  string   `json:"machine"`
	Loads    []load   `json:"loads"`
	Compared []line   `json:"compared"`
	Figures  []figure `json:"figures"`
	Left     []string `json:"left,omitempty"` // what could not be measured, and why
}

// A load is how busy the machine was when a part ended: the average number of
// threads that could run in the minute before, its own among them.
type load struct {
	Part    string  `json:"part"`
	Average float64 `json:"average"`
}

// noteLoad adds the load average to the report, where the system has one.
func (b *bench) noteLoad() error {
	text, err := os.ReadFile("/proc/loadavg")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	l := load{Part: b.part}
	if _, err := fmt.Sscan(string(text), &l.Average); err != nil {
		return fmt.Errorf("load average: %q: %w", text, err)
	}
	b.report.Loads = append(b.report.Loads, l)
	return nil
}

// A line is one contender in one cell of a comparison.
type line struct {
	Part    string  `json:"part"`
	Row     string  `json:"row"`
	Clients int     `json:"clients"`
	Who     string  `json:"who"`
	Rate    float64 `json:"perSecond"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`
	P50     float64 `json:"p50ms"`
	P99     float64 `json:"p99ms"`
	CPU     float64 `json:"cpuMicros"`        // of all servers together, for each call
	Own     float64 `json:"clientCPUMicros"`  // of the clients
	Ratio   float64 `json:"ratio,omitempty"`  // muster over this one
	Target  float64 `json:"target,omitempty"` // the least it should be
	Met     bool    `json:"met,omitempty"`
}

func (l line) verdict() string {
	switch {
	case l.Ratio == 0:
		return ""
	case l.Target == 0:
		return fmt.Sprintf("muster x%.2f", l.Ratio)
	case l.Met:
		return fmt.Sprintf("muster x%.2f, target %.1f: met", l.Ratio, l.Target)
	}
	return fmt.Sprintf("muster x%.2f, target %.1f: MISSED", l.Ratio, l.Target)
}

// A figure is a value of muster alone.
type figure struct {
	Part   string  `json:"part"`
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Unit   string  `json:"unit"`
	Beside string  `json:"beside,omitempty"` // what others publish, or were measured at here
	Most   float64 `json:"most,omitempty"`   // the target: no more than this
}

func (f figure) verdict() string {
	switch {
	case f.Most == 0:
		return ""
	case f.Value <= f.Most:
		return fmt.Sprintf("target %g: met", f.Most)
	}
	return fmt.Sprintf("target %g: MISSED", f.Most)
}

// figure adds a value to the report.
func (b *bench) figure(f figure) {
	f.Part = b.part
	b.report.Figures = append(b.report.Figures, f)
	b.say("  %-52s %10.2f %-8s %s  %s", f.Name, f.Value, f.Unit, f.verdict(), f.Beside)
}

// left notes what could not be measured.
func (b *bench) left(err error) {
	b.report.Left = append(b.report.Left, b.part+": "+err.Error())
	b.say("  left out: %v", err)
}

func (r *report) missed() bool {
	for _, l := range r.Compared {
		if l.Target > 0 && !l.Met {
			return true
		}
	}
	for _, f := range r.Figures {
		if f.Most > 0 && f.Value > f.Most {
			return true
		}
	}
	return false
}

func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, r.Machine)
	for _, l := range r.Loads {
		fmt.Fprintf(w, "load average behind %s: %.1f\n", l.Part, l.Average)
	}
	if len(r.Compared) > 0 {
		fmt.Fprintln(w, "row\tclients\twho\ta second\tlow..high\tp50 ms\tp99 ms\tcpu us, servers + clients\t")
		for _, l := range r.Compared {
			fmt.Fprintf(w, "%s\t%d\t%s\t%.0f\t%.0f..%.0f\t%.2f\t%.2f\t%.1f + %.1f\t%s\n", l.Row, l.Clients, l.Who, l.Rate, l.Low, l.High, l.P50, l.P99, l.CPU, l.Own, l.verdict())
		}
	}
	if len(r.Figures) > 0 {
		fmt.Fprintln(w, "\nof muster\tvalue\t\t")
		for _, f := range r.Figures {
			fmt.Fprintf(w, "%s\t%.2f %s\t%s\t%s\n", f.Name, f.Value, f.Unit, f.verdict(), f.Beside)
		}
	}
	for _, l := range r.Left {
		fmt.Fprintf(w, "left out: %s\n", l)
	}
	return w.Flush()
}
