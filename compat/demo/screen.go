package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// screen is where the demo is watched: redrawn in place on a terminal, line by
// line elsewhere.
type screen struct {
	w      io.Writer
	redraw bool
	colour bool

	start time.Time

	mu     sync.Mutex
	text   string // the phase
	began  time.Time
	gaps   int
	height int // lines of the last frame, which the next one overwrites
	line   string
}

// newScreen uses the terminal if there is one; NO_COLOR is honoured.
func newScreen(f *os.File, plain bool) *screen {
	info, err := f.Stat()
	tty := err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	return &screen{
		start:  time.Now(),
		w:      f,
		redraw: tty && !plain,
		colour: tty && os.Getenv("NO_COLOR") == "",
	}
}

// legend explains the lines; the frame explains itself.
func (o *screen) legend() {
	if !o.redraw {
		o.printf("nodes 1 to 5 are muster-1 to -5, 6 and 7 are memberlist-1 and -2; what each sees of 1 to 7:\n"+
			"%s alive  %s suspect  %s dead  . unknown\n", o.symbol(alive), o.symbol(suspect), o.symbol(dead))
	}
}

// printf ignores errors: when standard output is gone there is nobody to tell,
// and the exit code still does.
func (o *screen) printf(format string, args ...any) { _, _ = fmt.Fprintf(o.w, format, args...) }

func (o *screen) phase(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text, o.began, o.gaps = text, time.Now(), 0
	if !o.redraw {
		o.printf("%6.1fs  %s\n", time.Since(o.start).Seconds(), o.paint("1", text))
	}
}

func (o *screen) waiting(gaps int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gaps = gaps
}

func (o *screen) paint(code, text string) string {
	if !o.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// symbol stands for a state in the matrix.
func (o *screen) symbol(state string) string {
	switch state {
	case alive:
		return o.paint("32", "+")
	case suspect:
		return o.paint("33;1", "?")
	case dead:
		return o.paint("31;1", "x")
	case left:
		return o.paint("34", "-")
	}
	return "."
}

// draw shows the stage until ctx ends, and its last state then.
func (s *stage) draw(ctx context.Context) {
	interval := time.Second
	if s.out.redraw {
		interval = 150 * time.Millisecond
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if s.out.redraw {
			s.frame()
		} else {
			s.lines()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			if s.out.redraw {
				s.frame()
			}
			return
		}
	}
}

// frame draws the matrix over the last one.
func (s *stage) frame() {
	o := s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	var b strings.Builder
	if o.height > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", o.height)
	}
	top := b.Len()
	fmt.Fprintf(&b, "%5.1fs  %s", s.since(time.Now()).Seconds(), o.paint("1", o.text))
	if o.gaps > 0 {
		fmt.Fprintf(&b, "  (%d views to go, %.0fs)", o.gaps, time.Since(o.began).Seconds())
	}
	b.WriteString("\n\n")
	nodes := s.all()
	names := make([]string, len(nodes))
	header := strings.Repeat(" ", 18) + "sees"
	for i, n := range nodes {
		names[i] = n.name
		header += fmt.Sprintf("  %d", i+1)
	}
	b.WriteString(header + "\n")
	for i, n := range nodes {
		fmt.Fprintf(&b, "  %d  %-17s", i+1, n.name)
		if c := n.condition(); c != up {
			b.WriteString("  " + o.paint("35", c.String()) + "\n")
			continue
		}
		for _, state := range s.board.row(n.name, names) {
			b.WriteString("  " + o.symbol(state))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n  %s alive  %s suspect  %s dead  . unknown\n\n",
		o.symbol(alive), o.symbol(suspect), o.symbol(dead))
	for _, line := range s.latest(6) {
		b.WriteString("  " + line + "\n")
	}
	text := b.String()
	o.height = strings.Count(text[top:], "\n")
	o.printf("%s", text)
}

// lines prints the phase and the matrix in one line, when they changed.
func (s *stage) lines() {
	o := s.out
	o.mu.Lock()
	defer o.mu.Unlock()
	nodes := s.all()
	names := make([]string, len(nodes))
	for i, n := range nodes {
		names[i] = n.name
	}
	line := ""
	for i, n := range nodes {
		line += fmt.Sprintf("  %d:", i+1)
		if c := n.condition(); c != up {
			line += c.String()
			continue
		}
		for _, state := range s.board.row(n.name, names) {
			line += o.symbol(state)
		}
	}
	if line == o.line {
		return
	}
	o.line = line
	o.printf("%6.1fs%s\n", s.since(time.Now()).Seconds(), line)
}

// latest describes the last few changes of mind.
func (s *stage) latest(n int) []string {
	all := s.board.since(0)
	var out []string
	for _, c := range all[max(0, len(all)-n):] {
		state := c.to
		if state == unknown {
			state = "forgotten"
		}
		out = append(out, fmt.Sprintf("%5.1fs  %s sees %s %s", s.since(c.at).Seconds(), c.observer, c.subject, state))
	}
	return out
}
