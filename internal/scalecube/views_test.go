package scalecube

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/musterhq/muster"
)

// views tells for some nodes whom they trust, which is who is alive to them,
// and, with a question mark, whom they suspect: "a b? c".
type views map[string]string

// everybody is the view of each of the nodes when each trusts all of them.
func everybody(names ...string) views {
	v := make(views)
	for _, name := range names {
		v[name] = strings.Join(slices.Sorted(slices.Values(names)), " ")
	}
	return v
}

// and joins views of different nodes.
func (v views) and(w views) views {
	all := maps.Clone(v)
	maps.Copy(all, w)
	return all
}

func (s *stage) view(node string) string {
	var names []string
	for _, m := range s.nodes[node].Members() {
		if m.State == muster.Suspect {
			m.Name += "?"
		}
		names = append(names, m.Name)
	}
	return strings.Join(names, " ")
}

func (s *stage) seen(want views) bool {
	for node, view := range want {
		if s.view(node) != view {
			return false
		}
	}
	return true
}

func (s *stage) describe(want views) string {
	var b strings.Builder
	for _, node := range slices.Sorted(maps.Keys(want)) {
		fmt.Fprintf(&b, "\n  %s: want %q, has %q", node, want[node], s.view(node))
	}
	return b.String()
}

// await waits until all views are as wanted, at one moment.
func (s *stage) await(limit time.Duration, want views) {
	s.Helper()
	limit *= s.tune.slower
	if !s.comes(limit, func() bool { return s.seen(want) }) {
		s.Fatalf("not within %v:%s", limit, s.describe(want))
	}
}

// hold fails if within d any view is ever another one.
func (s *stage) hold(d time.Duration, want views) {
	s.Helper()
	begin := time.Now()
	if s.comes(d, func() bool { return !s.seen(want) }) {
		s.Fatalf("after %v no longer:%s", time.Since(begin), s.describe(want))
	}
}

// settle waits until all views are as wanted, and stay so for d.
func (s *stage) settle(limit, d time.Duration, want views) {
	s.Helper()
	limit *= s.tune.slower
	for begin := time.Now(); ; {
		if !s.comes(limit-time.Since(begin), func() bool { return s.seen(want) }) {
			s.Fatalf("not within %v for as long as %v:%s", limit, d, s.describe(want))
		}
		if !s.comes(d, func() bool { return !s.seen(want) }) {
			return
		}
	}
}

// awaitThat waits for anything else.
func (s *stage) awaitThat(limit time.Duration, what string, ok func() bool) {
	s.Helper()
	if limit *= s.tune.slower; !s.comes(limit, ok) {
		s.Fatalf("not within %v: %s", limit, what)
	}
}

// glance is the time between two looks, at least.
const glance = 5 * time.Millisecond

func (s *stage) comes(limit time.Duration, ok func() bool) bool {
	for begin := time.Now(); ; time.Sleep(max(glance, limit/10_000)) {
		if ok() {
			return true
		}
		if time.Since(begin) >= limit {
			return false
		}
	}
}
