package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// result is one line of the closing table: something that was done, and how
// to find in the history who noticed.
type result struct {
	what      string
	at        time.Time
	suspicion func(change) bool // nil: not something that is suspected first
	match     func(change) bool
	seen      *span // instead of match, for what is not on the board
	agreed    time.Time
}

// mark is somebody noticing something; span is the first and the last to.
type (
	mark struct {
		at   time.Time
		name string
	}
	span struct{ first, last mark }
)

func (s *span) add(m mark) {
	if s.first.name == "" || m.at.Before(s.first.at) {
		s.first = m
	}
	if s.last.name == "" || m.at.After(s.last.at) {
		s.last = m
	}
}

// noted adds a line to the table if the phase succeeded, and passes its error
// on.
func (s *stage) noted(err error, r result) error {
	if err != nil {
		return err
	}
	if r.seen == nil {
		seen := s.board.spread(r.at, r.match)
		r.seen = &seen
	}
	if r.agreed.IsZero() {
		r.agreed = r.seen.last.at
	}
	s.results = append(s.results, r)
	return nil
}

// report prints the closing table, and after a failure the last words of the
// nodes it is about.
func (s *stage) report(err error) {
	if len(s.results) > 0 {
		s.table(s.out.w)
	}
	var f *fault
	if errors.As(err, &f) {
		for _, n := range f.nodes {
			s.out.printf("\nlast lines of %s:\n", n.name)
			for _, line := range n.tail(12) {
				s.out.printf("  %s\n", line)
			}
		}
	}
	if err == nil {
		s.out.printf("\nAll of it happened as it should, in %.0f s.\n", time.Since(s.began).Seconds())
	}
}

func (s *stage) table(w io.Writer) {
	s.out.printf("\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, "WHAT HAPPENED\tAT\tSUSPECTED FIRST\tSEEN FIRST\tSEEN LAST\tAGREED AFTER")
	for _, r := range s.results {
		doubt := "-"
		if r.suspicion != nil {
			if c := s.board.earliest(r.at, r.suspicion); c != nil {
				doubt = r.delay(mark{c.at, c.observer})
			}
		}
		_, _ = fmt.Fprintf(t, "%s\t%.1fs\t%s\t%s\t%s\t%s\n", r.what, s.since(r.at).Seconds(),
			doubt, r.delay(r.seen.first), r.delay(r.seen.last), short(r.agreed.Sub(r.at)))
	}
	_ = t.Flush() // standard output is gone: nobody to tell
}

func (r *result) delay(m mark) string {
	if m.name == "" {
		return "-"
	}
	return fmt.Sprintf("%s +%s", m.name, short(m.at.Sub(r.at)))
}

func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
