package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A report is all that a run has found.
type report struct {
	Clients []string  `json:"clients"`
	Results []result  `json:"results"`
	Absent  []absence `json:"absent"` // clients that could not be had
	Seconds float64   `json:"seconds"`
}

// failures counts what went wrong. What is not in a library, or a library that
// could not be had, is not the server's.
func (r report) failures() int {
	n := 0
	for _, res := range r.Results {
		if res.Outcome == failed {
			n++
		}
	}
	return n
}

func (r report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// table prints, for each number of servers, scenarios by clients, and then why
// for all that is not ok.
func (r report) table(w io.Writer) error {
	var b strings.Builder
	var sizes []int
	for _, res := range r.Results {
		if !slices.Contains(sizes, res.Servers) {
			sizes = append(sizes, res.Servers)
		}
	}
	for _, size := range sizes {
		if size > 0 {
			r.grid(&b, size)
		}
	}
	r.official(&b)
	r.reasons(&b, failed)
	r.reasons(&b, notInLibrary)
	for _, a := range r.Absent {
		fmt.Fprintf(&b, "%s: %s\n", a.Client, a.Why)
	}
	fmt.Fprintf(&b, "\n%d results in %.0f s, %d failed, %d clients could not be had\n", len(r.Results), r.Seconds, r.failures(), len(r.Absent))
	_, err := io.WriteString(w, b.String())
	return err
}

func (r report) grid(b *strings.Builder, size int) {
	cells := make(map[[2]string]string)
	for _, res := range r.Results {
		if res.Servers == size && res.Client != officialName {
			cells[[2]string{res.Scenario, res.Client}] = res.Outcome
		}
	}
	if len(cells) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n\n", map[bool]string{true: "1 server", false: fmt.Sprintf("%d servers", size)}[size == 1])
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "\t"+strings.Join(r.Clients, "\t")) // into a strings.Builder
	for _, row := range rows() {
		line, some := row, false
		for _, column := range r.Clients {
			cell, ok := cells[[2]string{row, column}]
			some = some || ok
			if cell == notInLibrary {
				cell = "-"
			}
			line += "\t" + cell
		}
		if some {
			_, _ = fmt.Fprintln(t, line)
		}
	}
	_ = t.Flush()
}

// official says how the official suite went, if it ran.
func (r report) official(b *strings.Builder) {
	passed, all := 0, 0
	for _, res := range r.Results {
		if res.Client == officialName {
			all++
			if res.Outcome == ok {
				passed++
			}
		}
	}
	if all > 0 {
		fmt.Fprintf(b, "\nofficial end-to-end suite for Go, naming: %d of %d ok\n", passed, all)
	}
}

// rows are the names of all scenarios, in the table's order.
func rows() []string {
	var names []string
	for _, s := range scenarios {
		names = append(names, s.Name)
	}
	return append(names, sameName, seenName, restartName)
}

// reasons says once what is the same for several numbers of servers.
func (r report) reasons(b *strings.Builder, outcome string) {
	seen := make(map[string]bool)
	for _, res := range r.Results {
		text := fmt.Sprintf("%s, %s: %s", res.Client, res.Scenario, res.Why)
		if res.Outcome == failed {
			text = fmt.Sprintf("%d servers, %s", res.Servers, text)
		}
		if res.Outcome != outcome || seen[text] {
			continue
		}
		if len(seen) == 0 {
			fmt.Fprintf(b, "\n%s\n\n", outcome)
		}
		seen[text] = true
		fmt.Fprintln(b, text)
	}
}
