package sim

import "strings"

// Rule drops packets that a story wants dropped.
type Rule struct {
	From, To string // a node's name; empty means any
	Holds    string // the packet's description begins with it; empty means any
	About    string // the packet's description has it somewhere; empty means any
	Left     int    // how many more are dropped; negative means all
}

// Drop puts a rule in force.
func (c *Cluster) Drop(r *Rule) { c.rules = append(c.rules, r) }

func (c *Cluster) dropped(n *node, to int, data []byte) bool {
	for _, r := range c.rules {
		if r.Left == 0 || r.From != "" && r.From != n.name || r.To != "" && r.To != c.nodes[to].name {
			continue
		}
		if text := Describe(data); !strings.HasPrefix(text, r.Holds) || !strings.Contains(text, r.About) {
			continue
		}
		if r.Left > 0 {
			r.Left--
		}
		return true
	}
	return false
}
