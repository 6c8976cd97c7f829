package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// callTime is how long a driver may take for one request. Libraries give up
// sooner, but on a machine that does much else a virtual machine takes long to
// start.
const callTime = 90 * time.Second

var (
	errUnsupported = errors.New("not in the library")
	errRefused     = errors.New("the client says no")
	errGone        = errors.New("the driver has ended")
)

// A Client is a driver's process that runs.
type Client struct {
	Hello protocol.Hello

	cmd   *exec.Cmd
	logs  *os.File
	ended chan struct{}

	mu      sync.Mutex
	in      io.WriteCloser
	last    int64
	pending map[int64]chan protocol.Message
	watches map[subject]*Watch
	fuzzy   []protocol.Message // what a fuzzy watch told
}

// A subject is a service that is watched.
type subject struct{ service, group string }

// watched names a service; some libraries say the default group where it was
// left out.
func watched(service, group string) subject {
	if group == "DEFAULT_GROUP" {
		group = ""
	}
	return subject{service, group}
}

// startClient starts a driver in a new directory of its own, which is also the
// one for its temporary files, and asks it who it is. What it writes to standard
// error goes to a file there.
func startClient(ctx context.Context, d Driver, dir string) (*Client, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	c := &Client{
		cmd: d.Command(), logs: logs, ended: make(chan struct{}),
		pending: make(map[int64]chan protocol.Message), watches: make(map[subject]*Watch),
	}
	c.cmd.Stderr, c.cmd.Dir = logs, dir
	// Some libraries keep what they know below the home directory, and clients
	// of one machine would take each other's files away.
	c.cmd.Env = append(c.cmd.Environ(), "TMPDIR="+dir, "HOME="+dir)
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.in, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the driver %s: %w", d.Name(), err), logs.Close())
	}
	go c.read(out)
	b, err := c.Call(ctx, protocol.Request{Op: "hello"})
	if err == nil {
		err = json.Unmarshal(b, &c.Hello)
	}
	if err != nil {
		c.Kill()
		return nil, fmt.Errorf("the driver %s: %w (it logs to %s)", d.Name(), err, logs.Name())
	}
	return c, nil
}

// read takes what the driver writes until it ends.
func (c *Client) read(out io.Reader) {
	defer close(c.ended)
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var m protocol.Message
		if err := json.Unmarshal(line, &m); err != nil {
			_, _ = fmt.Fprintf(c.logs, "not a message: %v: %s", err, line) // the call it was for runs into its deadline
			continue
		}
		c.take(m)
	}
	_ = c.cmd.Wait() // it was killed, or its log says why it ended
	_ = c.logs.Close()
}

func (c *Client) take(m protocol.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Event == "fuzzy" {
		c.fuzzy = append(c.fuzzy, m)
		return
	}
	if m.Event != "" {
		if w := c.watches[watched(m.Service, m.Group)]; w != nil && m.Event == "changed" {
			w.tell(m.Instances)
		}
		return
	}
	if answer, ok := c.pending[m.ID]; ok {
		delete(c.pending, m.ID)
		answer <- m
	}
}

// Call sends a request and returns the result. An error wraps errRefused with
// what the library said, or errUnsupported.
func (c *Client) Call(ctx context.Context, r protocol.Request) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	answer := make(chan protocol.Message, 1)
	c.mu.Lock()
	c.last++
	r.ID = c.last
	c.pending[r.ID] = answer
	line, err := json.Marshal(r)
	if err == nil {
		_, err = c.in.Write(append(line, '\n'))
	}
	c.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", r.Op, errGone, err)
	}
	select {
	case m := <-answer:
		return verdict(r.Op, m)
	case <-c.ended:
		return nil, fmt.Errorf("%s: %w (it logs to %s)", r.Op, errGone, c.logs.Name())
	case <-ctx.Done():
		return nil, fmt.Errorf("%s: no answer: %w", r.Op, ctx.Err())
	}
}

func verdict(op string, m protocol.Message) (json.RawMessage, error) {
	switch {
	case m.Unsupported:
		return nil, fmt.Errorf("%s: %w: %s", op, errUnsupported, m.Error)
	case !m.OK:
		return nil, fmt.Errorf("%s: %w: %s", op, errRefused, m.Error)
	}
	return m.Result, nil
}

// Kill ends the process as kill -9 does.
func (c *Client) Kill() {
	_ = c.cmd.Process.Kill() // it may have ended
	<-c.ended
}

// End has the process end by itself, and kills it if it does not.
func (c *Client) End() {
	_ = c.in.Close() // it may have ended
	select {
	case <-c.ended:
	case <-time.After(2 * time.Second):
		c.Kill()
	}
}
