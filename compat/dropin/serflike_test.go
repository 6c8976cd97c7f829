package dropin

import (
	"fmt"
	"strings"
	"testing"
)

const (
	firstKey  = "000102030405060708090a0b0c0d0e0f"
	secondKey = "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
)

// TestSerfLike: tags, events, queries, rotation of keys, failure, reconnect and
// leave are the same whatever the members are built with.
func TestSerfLike(t *testing.T) {
	t.Parallel()
	size, burst := 5, 3000
	if testing.Short() {
		size, burst = 3, 1000
	}
	for kind, with := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := serfs(t, size, with)
			tags(c)
			events(c, burst)
			queries(c)
			rotate(c)
			crash(c, with)
			departure(c)
			for _, p := range c {
				if p.name != "b" { // which has left
					p.await("probe answered with a payload", func() bool { return p.do("pings").N > 0 })
				}
			}
		})
	}
}

func serfName(i int) string { return string(rune('a' + i)) }

func serf(t *testing.T, i int, with build) *process {
	t.Helper()
	n := serfName(i)
	return run(t, binary(t, "serflike", with), n, "-tags", "role="+n, "-key", firstKey, "-label", "proof")
}

func serfs(t *testing.T, size int, with func(int) build) cluster {
	t.Helper()
	var c cluster
	for i := range size {
		p := serf(t, i, with(i))
		if i > 0 {
			if n := p.do("join", c[0].addr, "nobody/127.0.0.1:1").N; n != 1 {
				t.Fatalf("joined %d, want 1", n)
			}
			// Join returns with the events of the merge delivered.
			if _, ok := p.find("join", "a"); !ok {
				t.Fatalf("%s: no join event when Join returned", p.name)
			}
		}
		c = append(c, p)
	}
	c.all(c.rows(nil), (*process).rows)
	return c
}

// rows is what every member should say, given what differs from all alive with
// their first tags.
func (c cluster) rows(differs map[string]string) string {
	var rows []string
	for i := range c {
		r := fmt.Sprintf("%[1]s alive role=%[1]s", serfName(i))
		if other, ok := differs[serfName(i)]; ok {
			r = strings.TrimSpace(serfName(i) + " " + other)
		}
		rows = append(rows, r)
	}
	return strings.Join(rows, ", ")
}

// tags changes one member's twice and back: the last one counts.
func tags(c cluster) {
	for _, role := range []string{"x", "y"} {
		c[1].do("tags", "role="+role)
	}
	c.all(c.rows(map[string]string{"b": "alive role=y"}), (*process).rows)
	c[1].do("tags", "role=b")
	c.all(c.rows(nil), (*process).rows)
	for _, p := range c {
		p.await("update event", func() bool { l, ok := p.find("update", "b"); return ok && l.Text == "role=b" })
	}
}

// events: a few from everybody, then thousands at once from two.
func events(c cluster, burst int) {
	for _, p := range c {
		p.do("event", "hello", p.name)
	}
	c[0].do("burst", "first", burst)
	c[1].do("burst", "second", burst)
	want := fmt.Sprint(len(c) + 2*burst)
	c.all(want, func(p *process) string { return fmt.Sprint(p.do("seen").N) })
	sum := c[0].do("seen").Text
	c.all(sum, func(p *process) string { return p.do("seen").Text })
}

// queries are answered by all, in packets and streams.
func queries(c cluster) {
	for _, p := range c {
		p.do("query", "ping", len(c))
	}
}

// rotate gives everybody a new key and takes the old one away, by messages that
// are encrypted with those very keys.
func rotate(c cluster) {
	keys := func(p *process) string { return p.do("keys").Text }
	c[0].do("key", "install", secondKey, len(c))
	c[1].do("key", "use", secondKey, len(c))
	c.all(secondKey+" "+firstKey, keys)
	c[0].do("key", "remove", firstKey, len(c))
	c.all(secondKey, keys)
	c[0].do("query", "still", len(c))
}

// crash kills the last member, which the others find; then another process
// under its name and at another address takes its place.
func crash(c cluster, with func(int) build) {
	last := len(c) - 1
	dead, rest := c[last], c[:last]
	dead.kill()
	rest.all(c.rows(map[string]string{dead.name: "failed"}), (*process).rows)
	n := serfName(last)
	c[last] = run(dead.t, binary(dead.t, "serflike", with(last+1)), n, "-tags", "role="+n, "-key", secondKey, "-label", "proof")
	c[last].await("way back in", func() bool { return c[last].ask("join", c[0].addr).N == 1 && c[last].rows() == c.rows(nil) })
	c.all(c.rows(nil), (*process).rows)
}

// departure: what leaves has left, not failed, and may go.
func departure(c cluster) {
	leaver, rest := c[1], append(c[:1:1], c[2:]...)
	leaver.do("leave")
	rest.all(c.rows(map[string]string{"b": "left"}), (*process).rows)
	for _, p := range rest {
		p.await("event that b left", func() bool { _, ok := p.find("left", "b"); return ok })
		if l, bad := p.find("badping", "b"); bad {
			p.t.Errorf("%s: an ack of b carried %q", p.name, l.Text)
		}
	}
}
