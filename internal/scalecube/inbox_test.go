package scalecube

import (
	"maps"
	"slices"
	"sync"

	"github.com/musterhq/muster"
)

// inbox counts who got what how often.
type inbox struct {
	mu  sync.Mutex
	got map[string]map[string]int // by node and payload
}

func newInbox() *inbox { return &inbox{got: make(map[string]map[string]int)} }

// keep has a node put there what it gets.
func (in *inbox) keep(c *muster.Config) {
	name := c.Name
	c.OnMessage = func(m muster.Message) { in.note(name, string(m.Payload)) }
}

func (in *inbox) note(node, payload string) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.got[node] == nil {
		in.got[node] = make(map[string]int)
	}
	in.got[node][payload]++
}

// nodesWith is how many have got that message.
func (in *inbox) nodesWith(payload string) (n int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, got := range in.got {
		n += min(got[payload], 1)
	}
	return n
}

// count is how many different messages a node has.
func (in *inbox) count(node string) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.got[node])
}

// check fails unless each node but the sender has got that many different
// messages, each of them once. Of those excused it does not matter how many.
func (in *inbox) check(s *stage, sender string, messages int, excused ...string) {
	s.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	for node := range s.nodes {
		want := messages
		if node == sender {
			want = 0
		}
		if len(in.got[node]) != want && !slices.Contains(excused, node) {
			s.Errorf("%s got %d different messages, want %d", node, len(in.got[node]), want)
		}
		for payload, n := range in.got[node] {
			if n > 1 {
				s.Errorf("%s got %q %d times", node, payload, n)
			}
		}
	}
}

// want fails unless each node has got those messages, once each.
func (in *inbox) want(s *stage, want map[string][]string) {
	s.Helper()
	in.mu.Lock()
	defer in.mu.Unlock()
	for node := range s.nodes {
		once := make(map[string]int)
		for _, payload := range want[node] {
			once[payload] = 1
		}
		if !maps.Equal(in.got[node], once) {
			s.Errorf("%s got %v, want %v", node, in.got[node], once)
		}
	}
}
