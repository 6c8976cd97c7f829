package interop

import (
	"bytes"
	"fmt"
	"os"
	"strings"
)

// tailLines is how much of each log a failure prints.
const tailLines = 30

// cleanup ends the processes and, after a failure, shows what each node saw
// and wrote.
func (c *cluster) cleanup() {
	for _, n := range c.nodes {
		if n.process == nil || n.state != alive {
			continue
		}
		if err := n.running(); err != nil {
			c.t.Errorf("%s ended by itself: %v", n.name, err)
		}
		if n.frozen {
			if err := n.resume(); err != nil {
				c.t.Errorf("resume %s: %v", n.name, err)
			}
		}
	}
	failed := c.t.Failed()
	if failed {
		c.t.Logf("views (row: who looks, column: at whom)\n%s", c.matrix())
	}
	for _, n := range c.nodes {
		if n.process == nil {
			continue
		}
		if err := n.kill(); err != nil {
			c.t.Errorf("kill %s: %v", n.name, err)
		}
		log, err := os.ReadFile(n.logPath)
		if err != nil {
			c.t.Errorf("log of %s: %v", n.name, err)
		}
		for _, mark := range []string{"panic:", "DATA RACE", "fatal error:"} {
			if bytes.Contains(log, []byte(mark)) {
				c.t.Errorf("%s's log has %q:\n%s", n.name, mark, after(log, mark))
			}
		}
		if failed {
			c.t.Logf("last lines of %s (%v at %s):\n%s", n.name, n.kind, n.addr, tail(log))
		}
	}
}

// matrix is every running node's state for every node.
func (c *cluster) matrix() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s", "")
	for _, n := range c.nodes {
		fmt.Fprintf(&b, "%-12s", n.name)
	}
	for _, viewer := range c.up() {
		fmt.Fprintf(&b, "\n%-8s", viewer.name)
		view, err := viewer.checked()
		if err != nil {
			fmt.Fprintf(&b, "%v", err)
			continue
		}
		for _, n := range c.nodes {
			if r, ok := view[n.name]; ok {
				fmt.Fprintf(&b, "%-12s", fmt.Sprintf("%s@%d", r.State, r.Incarnation))
			} else {
				fmt.Fprintf(&b, "%-12s", "-")
			}
		}
	}
	return b.String()
}

func tail(log []byte) string {
	lines := strings.Split(strings.TrimRight(string(log), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
}

// after is the part of a log that begins with the mark, at most 4 KiB of it.
func after(log []byte, mark string) []byte {
	log = log[bytes.Index(log, []byte(mark)):]
	return log[:min(len(log), 4096)]
}
