// Package console lets a test drive a program: a line of words in, JSON lines
// out. The first word of a line is the command; its answer is a line that has
// that word as "reply". Lines without one tell of what happened.
package console

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

// Line is what the program says.
type Line struct {
	Reply string `json:"reply,omitempty"` // to which command
	Err   string `json:"err,omitempty"`
	Event string `json:"event,omitempty"`
	Node  string `json:"node,omitempty"`
	Text  string `json:"text,omitempty"`
	N     int    `json:"n,omitempty"`
	List  []Row  `json:"list,omitempty"`
}

// Row is one member.
type Row struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Text  string `json:"text,omitempty"`
}

// Command runs one command with its arguments.
type Command func(args []string) (Line, error)

// Console prints lines, whole ones, from any goroutine.
type Console struct {
	mu  sync.Mutex
	out *json.Encoder
}

// New returns a console that prints to w.
func New(w io.Writer) *Console { return &Console{out: json.NewEncoder(w)} }

// Print prints one line. A program whose test has gone has nothing to do here.
func (c *Console) Print(l Line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.out.Encode(l); err != nil {
		os.Exit(1)
	}
}

// Serve runs the commands that come in, until the end of in or the command exit.
func (c *Console) Serve(in io.Reader, commands map[string]Command) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "exit" {
			return nil
		}
		run := commands[words[0]]
		if run == nil {
			return fmt.Errorf("no command %q", words[0])
		}
		answer, err := run(words[1:])
		if answer.Reply = words[0]; err != nil {
			answer.Err = err.Error()
		}
		c.Print(answer)
	}
	return lines.Err()
}
