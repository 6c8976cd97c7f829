package app

import (
	"testing"
	"time"
)

// A server that is cut off says so before gossip has found the others dead, and
// not for an election, nor for what ails Raft alone.
func TestDoubter(t *testing.T) {
	type look struct {
		leader       bool
		voters, well int
	}
	const tick = minorityLook
	for name, c := range map[string]struct {
		looks []look // one of them each tick, the last one from then on
		after time.Duration
	}{
		"all is well":                    {looks: []look{{true, 3, 3}}},
		"one is dead":                    {looks: []look{{true, 3, 2}}},
		"an election":                    {looks: []look{{false, 3, 2}, {false, 3, 2}, {false, 3, 2}, {true, 3, 2}}},
		"elections with pauses":          {looks: []look{{false, 3, 1}, {false, 3, 1}, {true, 3, 1}, {false, 3, 1}, {true, 3, 2}}},
		"Raft's ports are blocked":       {looks: []look{{false, 3, 3}}},
		"cut, and gossip suspects both":  {looks: []look{{false, 3, 1}}, after: minorityDoubt},
		"cut, and gossip asks one first": {looks: []look{{false, 3, 3}, {false, 3, 3}, {false, 3, 2}}, after: 2*tick + minorityAlone},
		"one of five":                    {looks: []look{{false, 5, 2}}, after: minorityDoubt},
	} {
		var d doubter
		begin := time.Unix(1, 0)
		found := time.Duration(0)
		for n := range 30 {
			l := c.looks[min(n, len(c.looks)-1)]
			at := time.Duration(n) * tick
			if d.look(l.leader, l.voters, l.well, begin.Add(at)) {
				found = at
				break
			}
		}
		if found != c.after {
			t.Errorf("%s: after %v, want %v", name, found, c.after)
		}
	}
}
