// Package script runs tests that are written as text. A file is a list of
// commands, each with the output it must produce:
//
//	# A comment.
//	command word key=value key=(several, values)
//	lines of input
//	----
//	expected output
//
// The expected output ends at the first empty line. Output that holds empty
// lines itself is fenced by "----" twice before and twice after it. The form
// is that of cockroachdb's datadriven, which etcd's raft uses too.
//
// The parser is apart from the test runner so that tools can read the same
// files.
package script

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Arg is one argument of a command: a bare word, or a key with its values.
type Arg struct {
	Key  string
	Vals []string
}

// Command is one command of a file.
type Command struct {
	Name  string
	Args  []Arg
	Input string // the lines before "----", without the last line's end
	Want  string // the lines after it, each with its end
	Line  int    // of the command, counted from 1

	raw string // the command line and its input, as they stand in the file
}

// File is a parsed file. Lead is what stands before each command (comments and
// empty lines); Tail is what stands after the last one.
type File struct {
	Commands []*Command
	lead     []string
	tail     string
}

const fence = "----"

// Parse reads a file.
func Parse(text string) (*File, error) {
	f := &File{}
	lines := strings.SplitAfter(text, "\n")
	var lead strings.Builder
	for i := 0; i < len(lines); {
		line := strings.TrimRight(lines[i], "\n")
		if t := strings.TrimSpace(line); t == "" || strings.HasPrefix(t, "#") {
			lead.WriteString(lines[i])
			i++
			continue
		}
		c := &Command{Line: i + 1}
		if err := c.parseLine(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", c.Line, err)
		}
		begin := i
		for i++; i < len(lines) && strings.TrimRight(lines[i], "\n") != fence; i++ {
			c.Input += lines[i]
		}
		if i >= len(lines) {
			return nil, fmt.Errorf("line %d: command %q has no %q", c.Line, c.Name, fence)
		}
		c.raw = strings.Join(lines[begin:i], "")
		c.Input = strings.TrimRight(c.Input, "\n")
		c.Want, i = parseWant(lines, i+1)
		f.lead = append(f.lead, lead.String())
		f.Commands = append(f.Commands, c)
		lead.Reset()
	}
	f.tail = lead.String()
	return f, nil
}

// parseWant reads the expected output that begins at line i and returns it
// with the line that follows.
func parseWant(lines []string, i int) (string, int) {
	fenced := i < len(lines) && strings.TrimRight(lines[i], "\n") == fence
	if fenced {
		i++
	}
	begin := i
	for ; i < len(lines); i++ {
		line := strings.TrimRight(lines[i], "\n")
		if !fenced && line == "" {
			break
		}
		if fenced && line == fence && i+1 < len(lines) && strings.TrimRight(lines[i+1], "\n") == fence {
			return strings.Join(lines[begin:i], ""), i + 2
		}
	}
	return strings.Join(lines[begin:i], ""), i
}

// parseLine splits a command line into its name and arguments.
func (c *Command) parseLine(line string) error {
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimSpace(rest) {
		var a Arg
		end := strings.IndexAny(rest, " =")
		switch {
		case end < 0:
			a.Key, rest = rest, ""
		case rest[end] == ' ':
			a.Key, rest = rest[:end], rest[end:]
		case strings.HasPrefix(rest[end+1:], "("):
			stop := strings.IndexByte(rest, ')')
			if stop < 0 {
				return fmt.Errorf("%q is not closed", rest)
			}
			a.Key = rest[:end]
			for v := range strings.SplitSeq(rest[end+2:stop], ",") {
				a.Vals = append(a.Vals, strings.TrimSpace(v))
			}
			rest = rest[stop+1:]
		default:
			a.Key, rest = rest[:end], rest[end+1:]
			val, more, _ := strings.Cut(rest, " ")
			a.Vals, rest = []string{val}, more
		}
		if c.Name == "" {
			if a.Vals != nil {
				return fmt.Errorf("%q is not a command", line)
			}
			c.Name = a.Key
			continue
		}
		c.Args = append(c.Args, a)
	}
	return nil
}

// Words returns the arguments that are bare words.
func (c *Command) Words() []string {
	var words []string
	for _, a := range c.Args {
		if a.Vals == nil {
			words = append(words, a.Key)
		}
	}
	return words
}

// Has tells whether key is among the arguments, with or without a value.
func (c *Command) Has(key string) bool {
	return slices.ContainsFunc(c.Args, func(a Arg) bool { return a.Key == key })
}

// Vals returns the values of key, nil when it is absent.
func (c *Command) Vals(key string) []string {
	for _, a := range c.Args {
		if a.Key == key {
			return a.Vals
		}
	}
	return nil
}

// Str returns the first value of key, or def.
func (c *Command) Str(key, def string) string {
	if v := c.Vals(key); len(v) > 0 {
		return v[0]
	}
	return def
}

// Int returns the value of key as a number, or def when it is absent.
func (c *Command) Int(key string, def int) (int, error) {
	v := c.Vals(key)
	if len(v) == 0 {
		return def, nil
	}
	n, err := strconv.Atoi(v[0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return n, nil
}

// Duration returns the value of key as a duration, or def when it is absent.
func (c *Command) Duration(key string, def time.Duration) (time.Duration, error) {
	v := c.Vals(key)
	if len(v) == 0 {
		return def, nil
	}
	d, err := time.ParseDuration(v[0])
	if err != nil {
		return 0, fmt.Errorf("%s: %w", key, err)
	}
	return d, nil
}

// Format writes the file back with got as the commands' outputs.
func (f *File) Format(got []string) string {
	var b strings.Builder
	for i, c := range f.Commands {
		b.WriteString(f.lead[i])
		b.WriteString(c.raw)
		b.WriteString(fence + "\n")
		b.WriteString(fenced(got[i]))
	}
	b.WriteString(f.tail)
	return b.String()
}

// fenced puts a fence around output that holds an empty line.
func fenced(out string) string {
	if strings.HasPrefix(out, "\n") || strings.Contains(out, "\n\n") {
		return fence + "\n" + out + fence + "\n" + fence + "\n"
	}
	return out
}
