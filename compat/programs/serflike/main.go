// Command serflike is what a Serf-like application does with memberlist, and
// with nothing else: tags in metadata, user events and queries in a broadcast
// queue, ordered and deduplicated by Lamport time, keys rotated by messages,
// failed members tried again and reaped.
//
// It is driven by lines on standard input; see package console.
package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/compat/programs/internal/console"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serflike:", err)
		os.Exit(1)
	}
}

func run() error {
	var opt options
	flag.StringVar(&opt.name, "name", "", "of this member")
	flag.StringVar(&opt.tags, "tags", "", "k=v,k=v")
	flag.StringVar(&opt.key, "key", "", "hex, turns encryption on")
	flag.StringVar(&opt.label, "label", "", "of the cluster")
	flag.DurationVar(&opt.reap, "reap", time.Hour, "when failed members are forgotten")
	flag.DurationVar(&opt.reconnect, "reconnect", 500*time.Millisecond, "how often failed members are tried")
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
		"leave": func([]string) (console.Line, error) { return console.Line{}, m.leave() },
		"tags": func(args []string) (console.Line, error) {
			return console.Line{}, m.setTags(strings.Join(args, " "))
		},
		"event": func(args []string) (console.Line, error) {
			if len(args) != 2 {
				return console.Line{}, errors.New("event NAME PAYLOAD")
			}
			return console.Line{}, m.userEvent(args[0], args[1])
		},
		"burst": m.burst,
		"seen": func([]string) (console.Line, error) {
			n, digest := m.events.digest()
			return console.Line{N: n, Text: digest}, nil
		},
		"members": func([]string) (console.Line, error) { return console.Line{List: m.rows()}, nil },
		"query":   m.runQuery,
		"key":     m.runKey,
		"keys": func([]string) (console.Line, error) {
			return console.Line{Text: strings.Join(m.keys(), " ")}, nil
		},
		"pings": func([]string) (console.Line, error) { return console.Line{N: int(m.pings.Load())}, nil },
		"queue": func([]string) (console.Line, error) { return console.Line{N: m.queue.NumQueued()}, nil },
	}
}

// burst queues as many events as it is told, named by a prefix.
func (m *member) burst(args []string) (console.Line, error) {
	if len(args) != 2 {
		return console.Line{}, errors.New("burst PREFIX COUNT")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return console.Line{}, err
	}
	for i := range n {
		if err := m.userEvent(args[0], strconv.Itoa(i)); err != nil {
			return console.Line{}, err
		}
	}
	return console.Line{N: n}, nil
}

func (m *member) runQuery(args []string) (console.Line, error) {
	if len(args) != 2 {
		return console.Line{}, errors.New("query NAME EXPECTED")
	}
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return console.Line{}, err
	}
	return console.Line{}, m.query(args[0], n)
}

// runKey has a key installed, used or removed by every member, this one first.
func (m *member) runKey(args []string) (console.Line, error) {
	if len(args) != 3 {
		return console.Line{}, errors.New("key install|use|remove HEX EXPECTED")
	}
	if _, err := hex.DecodeString(args[1]); err != nil {
		return console.Line{}, err
	}
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return console.Line{}, err
	}
	return console.Line{}, m.query("_"+args[0]+"-key:"+args[1], n)
}
