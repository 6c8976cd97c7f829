// Package story lets a text file tell what happens to a simulated cluster and
// what comes of it, so that a case of trouble can be read, and replayed, by
// somebody who does not know the code.
//
// The commands:
//
//	cluster nodes=N [late=K] [seed=S] [tuning=(...)] [link=L]
//	                                                   start N members, but for the last K, and wait until they agree
//	run DURATION [show=(...)]                          let time pass
//	until [within=DURATION] [show=(...)]               let time pass until a line of the trace holds the input
//	agree [within=DURATION] [show=(...)]               let time pass until all views are the same
//	fault                                              the input's faults begin now, without a time, as in a schedule
//	heal                                               what was to last for good ends
//	start NAME                                         a late or crashed member starts
//	drop [from=N] [to=N] [holds=TEXT] [about=TEXT] [count=K]
//	                                                   lose the next K packets (-1 for all) whose description begins
//	                                                   with the one and has the other
//	inject to=N [from=N]                               a forged message arrives: alive|suspect|dead NAME@INC [from NAME]
//	broadcast from=N [count=K]                         send the input to everybody
//	heard [TEXT]                                       who got that message, or how many each got
//	views                                              who holds whom for what
//	stats NAME KEY...                                  some of a member's counters
//
// show selects what is told of the time that passes: events (the default),
// packets, streams, notes, a->b for the packets from one member to another,
// messages, or nothing. Times count from when the cluster had formed.
package story

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/sim"
)

// Teller executes a story's commands.
type Teller struct {
	cluster *sim.Cluster
	begin   time.Duration
	show    []string
	match   string
	matched bool
	out     strings.Builder
	late    int
	heard   []sim.Line // what was delivered to applications
}

// Exec executes one command and returns what there is to tell.
func (t *Teller) Exec(c *script.Command) string {
	t.out.Reset()
	t.show, t.match, t.matched = c.Vals("show"), "", false
	if t.show == nil {
		t.show = []string{"events"}
	}
	if err := t.exec(c); err != nil {
		fmt.Fprintf(&t.out, "error: %v\n", err)
	}
	return t.out.String()
}

var errNoCluster = errors.New("there is no cluster yet")

func (t *Teller) exec(c *script.Command) error {
	if c.Name == "cluster" {
		return t.form(c)
	}
	if t.cluster == nil {
		return errNoCluster
	}
	switch c.Name {
	case "run":
		return t.run(c)
	case "until":
		return t.until(c)
	case "agree":
		return t.agree(c)
	case "fault":
		return t.fault(c)
	case "heal":
		t.cluster.Heal()
		return t.cluster.Err()
	case "start":
		return t.start(c)
	case "drop":
		return t.drop(c)
	case "inject":
		return t.inject(c)
	case "broadcast":
		return t.broadcast(c)
	case "heard":
		t.tellHeard(strings.Join(c.Words(), " "))
		return nil
	case "views":
		t.views()
		return nil
	case "stats":
		return t.stats(c)
	default:
		return fmt.Errorf("no command is called %q", c.Name)
	}
}

// form starts a cluster and waits until it is one.
func (t *Teller) form(c *script.Command) error {
	nodes, err := c.Int("nodes", 3)
	if err != nil {
		return err
	}
	if t.late, err = c.Int("late", 0); err != nil {
		return err
	}
	seed, err := c.Int("seed", 1)
	if err != nil {
		return err
	}
	link, err := sim.ParseLink(c.Str("link", "1ms+1ms"))
	if err != nil {
		return err
	}
	configs, err := sim.Tuning(c.Vals("tuning")).Configs()
	if err != nil {
		return err
	}
	show := t.show
	t.show = c.Vals("show") // how a cluster forms is told only on request
	t.begin = 0
	t.cluster, err = sim.New(sim.Options{
		Seed: uint64(seed), Nodes: nodes, Link: link, Dense: true, Trace: t.trace, Late: t.late,
		Config: configs,
	})
	if err != nil {
		return err
	}
	done, err := t.cluster.RunUntil(30*time.Second, t.allAgree)
	if err != nil {
		return err
	}
	if !done {
		return errors.New("no agreement within 30s")
	}
	t.show = show
	t.begin = t.cluster.Now()
	t.views()
	return nil
}

// allAgree: everybody has started, and all views are the same.
func (t *Teller) allAgree() bool {
	for i := range t.cluster.Nodes() - t.late {
		if t.cluster.Core(i) == nil {
			return false
		}
	}
	return t.cluster.Agree()
}

func (t *Teller) run(c *script.Command) error {
	if len(c.Words()) == 0 {
		return errors.New("run how long?")
	}
	d, err := time.ParseDuration(c.Words()[0])
	if err != nil {
		return err
	}
	return t.cluster.RunFor(d)
}

func (t *Teller) until(c *script.Command) error {
	within, err := c.Duration("within", time.Minute)
	if err != nil {
		return err
	}
	t.match = c.Input
	begin := t.cluster.Now()
	done, err := t.cluster.RunUntil(begin+within, func() bool { return t.matched })
	if err == nil && !done {
		err = fmt.Errorf("%q did not happen within %v", c.Input, within)
	}
	return err
}

func (t *Teller) agree(c *script.Command) error {
	within, err := c.Duration("within", time.Minute)
	if err != nil {
		return err
	}
	begin := t.cluster.Now()
	done, err := t.cluster.RunUntil(begin+within, t.cluster.Agree)
	if err == nil && !done {
		err = fmt.Errorf("no agreement within %v", within)
	}
	t.views()
	return err
}

// trace takes the lines that the story wants told.
func (t *Teller) trace(l sim.Line) {
	l.At -= t.begin
	text := l.String()
	if l.Kind == sim.LineMessage {
		t.heard = append(t.heard, l)
	}
	if t.match != "" && strings.Contains(text, t.match) {
		t.matched = true
		fmt.Fprintln(&t.out, text)
		return
	}
	if t.wanted(l) {
		fmt.Fprintln(&t.out, text)
	}
}

func (t *Teller) wanted(l sim.Line) bool {
	kind := [...]string{sim.LineNote: "notes", sim.LinePacket: "packets", sim.LineStream: "streams", sim.LineEvent: "events", sim.LineMessage: "messages"}[l.Kind]
	if slices.Contains(t.show, kind) {
		return true
	}
	return l.Kind == sim.LinePacket && (slices.Contains(t.show, l.From+"->"+l.To) || slices.Contains(t.show, l.From+"->*") || slices.Contains(t.show, "*->"+l.To))
}
