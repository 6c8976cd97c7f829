package main

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/musterhq/muster/wire"
)

// each keeps this many lines of a kind: enough to see fields vary.
const each = 2

// selected returns the first lines of each kind.
func selected(n *network, s setting) (out []line) {
	count := map[string]int{}
	for _, l := range n.lines() {
		k := kind(s, l)
		if count[k]++; count[k] <= each {
			out = append(out, l)
		}
	}
	return out
}

// seen waits for a line of some kind.
func seen(n *network, s setting, part string) error {
	return until(part, func() bool {
		return slices.ContainsFunc(n.lines(), func(l line) bool { return strings.Contains(kind(s, l), part) })
	})
}

// kind describes a line. One that wire cannot read is a kind of its own, is
// therefore printed, and fails wire's golden test.
func kind(s setting, l line) string {
	c := s.codec()
	if l.kind == "packet" {
		msg, err := c.Open(l.data, nil)
		if err != nil {
			return fmt.Sprintf("packet %v %x", err, l.data)
		}
		return fmt.Sprintf("packet of %d bytes more: %s", (len(l.data)-len(msg))/8, describe(msg))
	}
	r := bufio.NewReader(bytes.NewReader(l.data))
	if l.kind == "dial" {
		if err := c.ReadLabel(r); err != nil {
			return fmt.Sprintf("%s %v %x", l.kind, err, l.data)
		}
	}
	msg, err := c.ReadStreamMessage(r, 0)
	if err != nil {
		return fmt.Sprintf("%s %v %x", l.kind, err, l.data)
	}
	return l.kind + " " + describe(msg)
}

var names = map[wire.Type]string{
	wire.TypePing: "ping", wire.TypeIndirectPing: "indirect ping", wire.TypeAck: "ack", wire.TypeNack: "nack",
	wire.TypeSuspect: "suspect", wire.TypeAlive: "alive", wire.TypeDead: "dead", wire.TypePushPull: "push/pull",
	wire.TypeUser: "user", wire.TypeError: "error",
}

func describe(msg []byte) string {
	if wire.Type(msg[0]) != wire.TypeCompound {
		return names[wire.Type(msg[0])]
	}
	parts := map[string]bool{}
	c, err := wire.ParseCompound(msg[1:])
	if err != nil {
		return err.Error()
	}
	first := ""
	for m, ok := c.Next(); ok; m, ok = c.Next() {
		if first == "" {
			first = describe(m)
		}
		parts[describe(m)] = true
	}
	s := "compound led by " + first
	for _, n := range []string{"suspect", "alive", "dead"} {
		if parts[n] {
			s += " with " + n
		}
	}
	return s
}
