package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/musterhq/muster/server/bench/peers"
)

// A part of the benchmark has servers of its own, started for it.
type part struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

func (p part) wanted(only *regexp.Regexp) bool { return only.MatchString(p.name) }

// bench is one run.
type bench struct {
	options
	log    io.Writer
	report report
	part   string
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.log, "%s  "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// measure runs a part in a directory that is removed afterwards.
func (b *bench) measure(ctx context.Context, p part) error {
	b.part = p.name
	b.say("%s", p.name)
	if err := p.run(ctx, b); err != nil {
		return err
	}
	if err := b.noteLoad(); err != nil {
		return err
	}
	return os.RemoveAll(b.space())
}

// space is where the servers of a part are.
func (b *bench) space() string { return filepath.Join(b.dir, "part") }

// A contender is one who does the work of a row. The first is ours.
type contender struct {
	label  string
	system peers.System
	dial   peers.Dialer
}

// A target is the least ratio of the first contender to another.
type target struct {
	against string
	clients int
	atLeast float64
}

// A comparison has all contenders do the same, in turn, round by round.
type comparison struct {
	name, undoName string // undoName "": what was done stays
	contenders     []contender
	targets        []target
}

// times are how long a round is, and how many there are.
func (b *bench) times() (rounds int, warm, d time.Duration) {
	rounds, warm, d = 7, 300*time.Millisecond, 1500*time.Millisecond
	if b.quick {
		rounds, d = 1, 800*time.Millisecond
	}
	if b.round > 0 {
		d = b.round
	}
	return rounds, warm, d
}

// compare measures a comparison with each number of clients.
func (b *bench) compare(ctx context.Context, c comparison) error {
	c.contenders = slices.DeleteFunc(c.contenders, func(x contender) bool { return !b.who.MatchString(x.label) })
	if len(c.contenders) == 0 {
		return nil
	}
	for _, clients := range b.crowds {
		if err := b.cell(ctx, c, clients); err != nil {
			return fmt.Errorf("%s, %d clients: %w", c.name, clients, err)
		}
	}
	return nil
}

// servers is how many each system has.
const servers = 3

func (b *bench) cell(ctx context.Context, c comparison, clients int) (err error) {
	var crowds []*crowd
	defer func() { err = errors.Join(err, closeAll(crowds)) }()
	rounds, warm, d := b.times()
	did, undid := make([][]sample, len(c.contenders)), make([][]sample, len(c.contenders))
	for r := range rounds {
		// Where there are fewer clients than servers they are at others in each
		// round: it makes a difference whether the server leads.
		if r == 0 || clients < servers {
			err := closeAll(crowds)
			crowds = nil
			if err != nil {
				return err
			}
			for _, x := range c.contenders {
				g, err := gather(ctx, x, clients, r%servers)
				if err != nil {
					return err
				}
				crowds = append(crowds, g)
			}
		}
		order := make([]int, len(crowds))
		for i := range order {
			order[i] = i
		}
		if r%2 == 1 { // A B B A: who is first is so as often as last
			slices.Reverse(order)
		}
		for _, i := range order {
			s, err := crowds[i].drive(ctx, warm, d, false)
			if err != nil {
				return err
			}
			did[i] = append(did[i], s)
			if c.undoName == "" || crowds[i].clients[0].Undo == nil {
				continue
			}
			if s, err = crowds[i].drive(ctx, 0, d, true); err != nil {
				return err
			}
			undid[i] = append(undid[i], s)
		}
	}
	b.note(c.name, c, clients, did, c.targets)
	if c.undoName != "" {
		b.note(c.undoName, c, clients, undid, nil)
	}
	return nil
}

func closeAll(crowds []*crowd) error {
	var errs []error
	for _, g := range crowds {
		errs = append(errs, g.close())
	}
	return errors.Join(errs...)
}

// note adds a cell to the report: medians over the rounds, and the median of
// the ratios within each round, for what else the machine does changes from
// one minute to the next.
func (b *bench) note(name string, c comparison, clients int, samples [][]sample, targets []target) {
	for i, x := range c.contenders {
		var rate, p50, p99, cpu, own, ratio []float64
		for r, s := range samples[i] {
			rate, cpu, own = append(rate, s.Rate), append(cpu, s.CPU), append(own, s.Own)
			p50, p99 = append(p50, s.P50), append(p99, s.P99)
			ratio = append(ratio, samples[0][r].Rate/s.Rate)
		}
		if len(rate) == 0 {
			continue
		}
		l := line{
			Part: b.part, Row: name, Clients: clients, Who: x.label, Rate: median(rate), Low: slices.Min(rate), High: slices.Max(rate),
			P50: median(p50), P99: median(p99), CPU: median(cpu), Own: median(own),
		}
		if i > 0 {
			l.Ratio = median(ratio)
		}
		for _, t := range targets {
			if t.against == x.label && t.clients == clients {
				l.Target = t.atLeast
				l.Met = l.Ratio >= t.atLeast
			}
		}
		b.report.Compared = append(b.report.Compared, l)
		b.say("  %-26s %4d  %-22s %8.0f/s  p50 %7.2f  p99 %7.2f ms  cpu %6.1f + %5.1f us  %s", name, clients, x.label, l.Rate, l.P50, l.P99, l.CPU, l.Own, l.verdict())
	}
}
