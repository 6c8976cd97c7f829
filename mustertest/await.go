package mustertest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster"
)

// glance is the time between two looks at a condition.
const glance = 5 * time.Millisecond

// Await waits until ok returns true, for at most two minutes: of virtual time in
// a bubble, where nothing else happens while ok runs at an instant of its own.
// Otherwise the test fails and ends. what completes "never: ".
func Await(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	AwaitFor(tb, patience, what, ok)
}

// AwaitFor is Await with a limit of its own.
func AwaitFor(tb testing.TB, limit time.Duration, what string, ok func() bool) {
	tb.Helper()
	if !poll(limit, ok) {
		tb.Fatalf("never within %v: %s", limit, what)
	}
}

// poll looks again and again. The clock is asked last: on a machine that stood
// still the condition gets its chance.
func poll(limit time.Duration, ok func() bool) bool {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		late := time.Since(begin) > limit
		if ok() {
			return true
		}
		if late {
			return false
		}
	}
}

// AwaitMembers waits until each of the nodes sees all of them, and nobody else,
// as members.
func AwaitMembers(tb testing.TB, nodes ...*muster.Node) {
	tb.Helper()
	want := make(map[string]bool, len(nodes))
	for _, n := range nodes {
		want[n.Local().Name] = true
	}
	first := 0 // to ask: who was wrong the last time
	agree := func() bool {
		for i := range nodes {
			if j := (first + i) % len(nodes); !sees(nodes[j], want) {
				first = j
				return false
			}
		}
		return true
	}
	if !poll(patience, agree) {
		tb.Fatalf("never within %v: each node sees all of them and nobody else\n%s", patience, views(nodes))
	}
}

func sees(n *muster.Node, want map[string]bool) bool {
	members := n.Members()
	for _, m := range members {
		if !want[m.Name] {
			return false
		}
	}
	return len(members) == len(want)
}

func views(nodes []*muster.Node) string {
	var b strings.Builder
	for _, n := range nodes {
		fmt.Fprintf(&b, "%s sees", n.Local().Name)
		for _, m := range n.AllMembers() {
			fmt.Fprintf(&b, " %s:%v", m.Name, m.State)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
