package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/musterhq/muster/compat/bench/measure"
)

// reportRow is one line of the table; its JSON form is what programs read.
type reportRow struct {
	Name       string           `json:"name"`
	Unit       string           `json:"unit,omitempty"`
	Memberlist *measure.Sample  `json:"memberlist"`
	Muster     *measure.Sample  `json:"muster"`
	Ratio      *float64         `json:"ratio"` // muster over memberlist
	Target     string           `json:"target,omitempty"`
	Verdict    string           `json:"verdict,omitempty"` // ok, MISS, or ? when not measured
	Samples    map[string][]any `json:"samples"`
}

// fullReport is the outcome of a run.
type fullReport struct {
	Date     string      `json:"date"`
	Go       string      `json:"go"`
	Platform string      `json:"platform"`
	CPUs     int         `json:"cpus"`
	Against  string      `json:"memberlist"`
	Quick    bool        `json:"quick"`
	Seconds  float64     `json:"seconds"`
	Rows     []reportRow `json:"rows"`
	Notes    []note      `json:"notes,omitempty"`
	Failed   []string    `json:"failed,omitempty"`
}

func report(rows []row, r *runner, quick bool) *fullReport {
	rep := &fullReport{
		Date: time.Now().UTC().Format(time.RFC3339), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
		Against: moduleVersion("github.com/hashicorp/memberlist"),
		Quick:   quick, Seconds: r.took.Seconds(), Notes: r.notes, Failed: r.failed,
	}
	for _, w := range rows {
		ml, mu := r.value(w, "memberlist"), r.value(w, "muster")
		line := reportRow{Name: w.name, Unit: w.unit, Target: w.target.text, Samples: map[string][]any{}}
		line.Ratio = ratio(ml, mu)
		line.Verdict = w.target.verdict(mu, line.Ratio)
		line.Memberlist = line.take("memberlist", ml)
		line.Muster = line.take("muster", mu)
		rep.Rows = append(rep.Rows, line)
	}
	return rep
}

func (l *reportRow) take(system string, v value) *measure.Sample {
	for _, s := range v.samples {
		l.Samples[system] = append(l.Samples[system], s.V)
	}
	if !v.ok {
		return nil
	}
	return &v.median
}

func moduleVersion(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}

func (rep *fullReport) missed() int {
	n := 0
	for _, l := range rep.Rows {
		if l.Verdict == "MISS" {
			n++
		}
	}
	return n
}

func (rep *fullReport) writeJSON(out io.Writer) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(rep)
}

// writeTable prints the table as aligned Markdown, then the remarks.
func (rep *fullReport) writeTable(out io.Writer) error {
	cells := [][]string{{"", "unit", "memberlist", "muster", "ratio", "target", ""}}
	for _, l := range rep.Rows {
		cells = append(cells, []string{
			l.Name, l.Unit, formatSample(l.Memberlist), formatSample(l.Muster), formatRatio(l.Ratio), l.Target, l.Verdict,
		})
	}
	w := bufio.NewWriter(out) // keeps the first error for Flush
	kind := "full run"
	if rep.Quick {
		kind = "quick run: one repetition, short windows; not for quoting"
	}
	fmt.Fprintf(w, "muster beside memberlist %s: %s, %d CPUs, %s, %s, %.0f min\n\n",
		rep.Against, rep.Platform, rep.CPUs, rep.Go, kind, rep.Seconds/60)
	writeMarkdown(w, cells, []bool{false, false, true, true, true, false, false})
	held, judged := 0, 0
	for _, l := range rep.Rows {
		if l.Verdict == "ok" {
			held++
		}
		if l.Verdict == "ok" || l.Verdict == "MISS" {
			judged++
		}
	}
	fmt.Fprintf(w, "\nRatio is muster over memberlist, of medians. %d of %d targets hold.\n", held, judged)
	if len(rep.Notes) > 0 {
		fmt.Fprint(w, "\nRemarks of the runs:\n")
	}
	for _, n := range rep.Notes {
		fmt.Fprintf(w, "- %s, %s, run %d: %s\n", n.System, n.Setup, n.Rep, n.Text)
	}
	for _, f := range rep.Failed {
		fmt.Fprintf(w, "- FAILED %s\n", f)
	}
	return w.Flush()
}

// writeMarkdown aligns the cells so that the table reads well as plain text.
func writeMarkdown(w io.Writer, cells [][]string, right []bool) {
	width := make([]int, len(right))
	for _, line := range cells {
		for i, c := range line {
			width[i] = max(width[i], utf8.RuneCountInString(c), 2)
		}
	}
	for n, line := range cells {
		for i, c := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if right[i] {
				c = pad + c
			} else {
				c += pad
			}
			fmt.Fprintf(w, "| %s ", c)
		}
		fmt.Fprintln(w, "|")
		if n > 0 {
			continue
		}
		for i := range line {
			rule := strings.Repeat("-", width[i]+1)
			if right[i] {
				fmt.Fprintf(w, "|%s:", rule)
			} else {
				fmt.Fprintf(w, "|%s-", rule)
			}
		}
		fmt.Fprintln(w, "|")
	}
}

func formatSample(s *measure.Sample) string {
	switch {
	case s == nil:
		return "-"
	case s.AtLeast:
		return "> " + format(s.V)
	}
	return format(s.V)
}

func formatRatio(r *float64) string {
	if r == nil {
		return "-"
	}
	return format(*r)
}

// format keeps three digits, and all those before the point.
func format(v float64) string {
	decimals := 0
	switch a := max(v, -v); {
	case a == 0:
	case a < 1:
		decimals = 3
	case a < 10:
		decimals = 2
	case a < 100:
		decimals = 1
	}
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, _ := strings.Cut(s, ".")
	sign := strings.HasPrefix(whole, "-")
	whole = strings.TrimPrefix(whole, "-")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if sign {
		whole = "-" + whole
	}
	if fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
