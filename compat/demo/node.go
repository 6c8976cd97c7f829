package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
)

// condition is what the demo did to a node, as opposed to what others believe.
type condition int32

const (
	up condition = iota
	frozen
	killed
)

func (c condition) String() string { return [...]string{"", "frozen", "killed"}[c] }

// node is one process of the cluster: a muster agent or a memberlist peer,
// which take the same flags and answer the same HTTP paths.
type node struct {
	name    string
	cmd     *exec.Cmd
	logPath string
	addr    string // of the cluster
	api     string

	state  atomic.Int32  // a condition
	exited chan struct{} // closed when the process has ended
	exit   error         // how it ended, never nil; valid after exited
}

func (n *node) condition() condition { return condition(n.state.Load()) }
func (n *node) set(c condition)      { n.state.Store(int32(c)) }

// startNode runs the command and waits for its ready line, which tells the
// ports it picked. Its log goes to a file in dir.
func startNode(ctx context.Context, dir, name string, command []string, args ...string) (*node, error) {
	n := &node{name: name, logPath: filepath.Join(dir, name+".log"), exited: make(chan struct{})}
	log, err := os.Create(n.logPath)
	if err != nil {
		return nil, fmt.Errorf("log of %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // the child holds its own copy
	n.cmd = exec.Command(command[0], slices.Concat(command[1:], []string{
		"--name", name, "--bind", "127.0.0.1:0", "--api", "127.0.0.1:0", "--profile", "lan", "--debug-faults",
	}, args)...)
	n.cmd.Stderr = log
	detach(n.cmd)
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := n.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	ready := make(chan error, 1)
	go n.attend(out, ready)
	select {
	case err = <-ready:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		n.kill()
		return n, fmt.Errorf("start %s: %w", name, err)
	}
	return n, nil
}

// attend reads the child's output to its end and then collects the child.
func (n *node) attend(out io.Reader, ready chan<- error) {
	lines := bufio.NewScanner(out)
	ready <- n.readReady(lines)
	for lines.Scan() { // nothing more is expected; an unread pipe could block the child
	}
	if n.exit = n.cmd.Wait(); n.exit == nil {
		n.exit = errors.New("exit status 0")
	}
	close(n.exited)
}

// readReady understands "ready name=NAME addr=HOST:PORT api=HOST:PORT".
func (n *node) readReady(lines *bufio.Scanner) error {
	if !lines.Scan() {
		return errors.Join(errors.New("ended before it was ready"), lines.Err())
	}
	fields := strings.Fields(lines.Text())
	if len(fields) == 0 || fields[0] != "ready" {
		return fmt.Errorf("printed %q instead of its ready line", lines.Text())
	}
	for _, f := range fields[1:] {
		key, value, _ := strings.Cut(f, "=")
		switch key {
		case "addr":
			n.addr = value
		case "api":
			n.api = value
		}
	}
	if n.addr == "" || n.api == "" {
		return fmt.Errorf("its ready line lacks an address: %q", lines.Text())
	}
	return nil
}

// kill is kill -9. It returns when the process is gone.
func (n *node) kill() {
	n.set(killed)
	_ = n.cmd.Process.Kill() // fails only if it ended already
	<-n.exited
}

// tail returns the last lines of the node's log.
func (n *node) tail(lines int) []string {
	text, err := os.ReadFile(n.logPath)
	if err != nil {
		return []string{err.Error()}
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return all[max(0, len(all)-lines):]
}
