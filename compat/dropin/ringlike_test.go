package dropin

import (
	"fmt"
	"testing"
)

// TestRingLike: a state of megabytes gets to every member over a transport of
// the application's own, changes get there at once, and members that crash or
// leave are noticed, whatever the members are built with.
func TestRingLike(t *testing.T) {
	t.Parallel()
	size, entries, bytes := 5, 400, 16<<10 // 6.5 MB
	if testing.Short() {
		size, entries, bytes = 3, 100, 16<<10
	}
	for kind, with := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var c cluster
			for i := range size {
				p := run(t, binary(t, "ringlike", with(i)), serfName(i))
				p.do("fill", p.name, entries/size, bytes)
				if i > 0 && p.do("join", c[0].addr).N != 1 {
					t.Fatal("joined nobody")
				}
				// The whole state comes with the join.
				if i > 0 && p.do("digest").N < 2*(entries/size) {
					t.Errorf("%s: not the state of %s when Join returned", p.name, c[0].name)
				}
				c = append(c, p)
			}
			c.all(alive(c), (*process).rows)
			converge(c, size*(entries/size))
			for i := range 50 {
				c[i%size].do("put", fmt.Sprint("small", i), "v")
			}
			converge(c, size*(entries/size)+50)
			c[0].do("send", c[1].name, 3<<20)
			converge(c, size*(entries/size)+51)
			c[size-1].kill()
			c = c[:size-1]
			c.all(alive(c), (*process).rows)
			c[size-2].do("leave")
			c = c[:size-2]
			c.all(alive(c), (*process).rows)
		})
	}
}

func alive(c cluster) (rows string) {
	for i, p := range c {
		if i > 0 {
			rows += ", "
		}
		rows += p.name + " alive"
	}
	return rows
}

func converge(c cluster, entries int) {
	digest := func(p *process) string { l := p.do("digest"); return fmt.Sprint(l.N, " ", l.Text) }
	c.all(fmt.Sprint(entries), func(p *process) string { return fmt.Sprint(p.do("digest").N) })
	c.all(digest(c[0]), digest)
}
