// Command ringlike is what a key-value store that shards by a ring does with
// memberlist, and with nothing else: one large state, of which every member has
// a copy, merged entry by entry; changes in a broadcast queue, the whole state
// in every push/pull; everything, packets too, over a transport of its own on
// TCP.
//
// It is driven by lines on standard input; see package console.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/musterhq/muster/compat/programs/internal/console"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ringlike:", err)
		os.Exit(1)
	}
}

func run() error {
	var opt options
	flag.StringVar(&opt.name, "name", "", "of this member")
	flag.DurationVar(&opt.sync, "sync", 500*time.Millisecond, "between push/pulls")
	flag.Parse()
	out := console.New(os.Stdout)
	m, err := start(opt, out)
	if err != nil {
		return err
	}
	defer m.stop()
	out.Print(console.Line{Event: "started", Node: opt.name, Text: m.list.LocalNode().Address()})
	return out.Serve(os.Stdin, m.commands())
}

func (m *member) commands() map[string]console.Command {
	return map[string]console.Command{
		"join": func(args []string) (console.Line, error) {
			n, err := m.list.Join(args)
			return console.Line{N: n}, err
		},
		"leave":   func([]string) (console.Line, error) { return console.Line{}, m.list.Leave(5 * time.Second) },
		"members": func([]string) (console.Line, error) { return console.Line{List: m.rows()}, nil },
		"put": func(args []string) (console.Line, error) {
			if len(args) != 2 {
				return console.Line{}, errors.New("put KEY VALUE")
			}
			m.put(args[0], []byte(args[1]))
			return console.Line{}, nil
		},
		"fill": m.fill,
		"digest": func([]string) (console.Line, error) {
			n, sum := m.ring.digest()
			return console.Line{N: n, Text: sum}, nil
		},
		"send": m.sendTo,
	}
}

// fill puts COUNT entries of SIZE bytes, which only the prefix tells apart from
// those of others.
func (m *member) fill(args []string) (console.Line, error) {
	if len(args) != 3 {
		return console.Line{}, errors.New("fill PREFIX COUNT SIZE")
	}
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return console.Line{}, err
	}
	size, err := strconv.Atoi(args[2])
	if err != nil {
		return console.Line{}, err
	}
	for i := range count {
		m.put(args[0]+strconv.Itoa(i), noise(args[0], i, size))
	}
	return console.Line{N: count}, nil
}

// sendTo sends a large message to a member, reliably.
func (m *member) sendTo(args []string) (console.Line, error) {
	if len(args) != 2 {
		return console.Line{}, errors.New("send NAME SIZE")
	}
	size, err := strconv.Atoi(args[1])
	if err != nil {
		return console.Line{}, err
	}
	for _, n := range m.list.Members() {
		if n.Name == args[0] {
			return console.Line{}, m.list.SendReliable(n, encode(map[string]entry{
				"sent-by-" + m.opt.name: {version: 1, value: noise("sent", 0, size)},
			}))
		}
	}
	return console.Line{}, fmt.Errorf("no member %q", args[0])
}
