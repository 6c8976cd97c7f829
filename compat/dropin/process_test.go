package dropin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// line is what a program says; see package console among the programs.
type line struct {
	Reply, Err, Event, Node, Text string
	N                             int
	List                          []row
}

type row struct{ Name, State, Text string }

// process is a program that runs.
type process struct {
	t     *testing.T
	name  string
	addr  string
	cmd   *exec.Cmd
	in    io.WriteCloser
	asked sync.Mutex // one question at a time
	reply chan line
	gone  chan struct{}

	mu     sync.Mutex
	events []line
}

// patience bounds every wait for something that is bound to happen.
const patience = 30 * time.Second

// run starts a program and waits until it says where it is.
func run(t *testing.T, path, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, reply: make(chan line, 1), gone: make(chan struct{})}
	p.cmd = exec.Command(path, append([]string{"-name", name}, args...)...)
	stderr := new(strings.Builder)
	p.cmd.Stderr = stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.listen(out)
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s said:\n%s%s", name, p.said(), stderr)
		}
	})
	p.await("its address", func() bool {
		l, ok := p.find("started", name)
		p.addr = l.Text
		return ok
	})
	return p
}

func (p *process) listen(out io.Reader) {
	defer close(p.gone)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			l = line{Event: "garbage", Text: lines.Text()}
		}
		if l.Reply != "" {
			p.reply <- l
			continue
		}
		p.mu.Lock()
		p.events = append(p.events, l)
		p.mu.Unlock()
	}
}

// kill ends the program at once, as a crash would.
func (p *process) kill() {
	if err := p.cmd.Process.Kill(); err != nil {
		return // it has ended already
	}
	<-p.gone
	_ = p.cmd.Wait() // it was killed, says the error
}

// ask sends a command and returns the answer, also one that is an error.
func (p *process) ask(command string, args ...any) line {
	p.t.Helper()
	p.asked.Lock()
	defer p.asked.Unlock()
	words := fmt.Sprintln(append([]any{command}, args...)...)
	if _, err := io.WriteString(p.in, words); err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, command, err)
	}
	select {
	case l := <-p.reply:
		return l
	case <-p.gone:
		p.t.Fatalf("%s: ended at %q", p.name, words)
	case <-time.After(patience):
		p.t.Fatalf("%s: no answer to %q", p.name, words)
	}
	return line{}
}

// do is ask for what must not fail.
func (p *process) do(command string, args ...any) line {
	p.t.Helper()
	l := p.ask(command, args...)
	if l.Err != "" {
		p.t.Fatalf("%s: %s: %s", p.name, command, l.Err)
	}
	return l
}

// find returns the latest event of that kind about a member.
func (p *process) find(event, node string) (line, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.events) - 1; i >= 0; i-- {
		if l := p.events[i]; l.Event == event && l.Node == node {
			return l, true
		}
	}
	return line{}, false
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.events {
		fmt.Fprintf(&b, "  %s %s %s %d\n", l.Event, l.Node, l.Text, l.N)
	}
	return b.String()
}

// await polls until a condition holds.
func (p *process) await(what string, holds func() bool) {
	p.t.Helper()
	until := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(until) {
			p.t.Fatalf("%s: still no %s", p.name, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// rows is what members says, as one line each.
func (p *process) rows() string {
	var rows []string
	for _, r := range p.do("members").List {
		rows = append(rows, strings.TrimSpace(r.Name+" "+r.State+" "+r.Text))
	}
	sort.Strings(rows)
	return strings.Join(rows, ", ")
}

// cluster is several processes.
type cluster []*process

// all awaits that every process answers a question as expected.
func (c cluster) all(want string, question func(*process) string) {
	for _, p := range c {
		p.t.Helper()
		got := ""
		until := time.Now().Add(patience)
		for got = question(p); got != want; got = question(p) {
			if time.Now().After(until) {
				p.t.Fatalf("%s:\n got %s\nwant %s", p.name, got, want)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// kinds are the clusters that must behave alike.
func kinds() map[string]func(i int) build {
	return map[string]func(i int) build{
		"stock":  func(int) build { return stock },
		"dropin": func(int) build { return dropIn },
		"mixed":  func(i int) build { return []build{stock, dropIn}[i%2] },
	}
}
