//go:build unix

package main

import (
	"bufio"
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// asCommand makes the test binary be the command, so that its signals and its
// exit code are tested in a process of its own.
const asCommand = "MUSTER_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// environ also spares the race detector its second of sleep at each exit.
func environ() []string {
	return append(os.Environ(), asCommand+"=1", "GORACE=atexit_sleep_ms=0")
}

// patience is for what happens at once unless something is broken.
const patience = 30 * time.Second

type process struct {
	*exec.Cmd
	stderr *lockedBuffer
	fields map[string]string // of the ready line
	exited chan int
}

func spawn(t *testing.T, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Cmd: exec.Command(self, args...), stderr: new(lockedBuffer), exited: make(chan int, 1)}
	p.Env = environ()
	p.Stderr = p.stderr
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // it may have ended already
	ready := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		lines.Scan()
		ready <- lines.Text()
		for lines.Scan() {
		}
		err := p.Wait()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Error(err)
		}
		p.exited <- p.ProcessState.ExitCode()
	}()
	select {
	case line := <-ready:
		p.fields = map[string]string{}
		for _, f := range strings.Fields(line) {
			key, value, _ := strings.Cut(f, "=")
			p.fields[key] = value
		}
	case <-time.After(patience):
		t.Fatalf("not ready: %s", p.stderr)
	}
	return p
}

func agent(t *testing.T, args ...string) *process {
	t.Helper()
	return spawn(t, append([]string{"agent", "--bind", "127.0.0.1:0", "--api", "127.0.0.1:0", "--profile", "local"}, args...)...)
}

func (p *process) code(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.exited:
		return code
	case <-time.After(patience):
		t.Fatalf("still running: %s", p.stderr)
		return 0
	}
}

// ask runs a command that ends by itself.
func ask(t *testing.T, args ...string) (string, int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = environ()
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func await(t *testing.T, what string, check func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !check(); time.Sleep(20 * time.Millisecond) { // between looks
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func TestSignalLeavesGracefully(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		a := agent(t, "--name", "a")
		b := agent(t, "--name", "b", "--join", a.fields["addr"])
		sees := func(state string) func() bool {
			return func() bool {
				out, _ := ask(t, "members", "b", "--api", a.fields["api"])
				return strings.Contains(out, "  "+state+"  ")
			}
		}
		await(t, "a sees b", sees("alive"))
		if err := b.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if code := b.code(t); code != 0 {
			t.Errorf("%v: exit code %d: %s", signal, code, b.stderr)
		}
		await(t, "a sees that b left, and not that it died", sees("left"))
	}
}

func TestLeaveEndsTheAgentAndItsStreams(t *testing.T) {
	a := agent(t, "--name", "a")
	watch := spawn(t, "events", "--api", a.fields["api"]) // its first line is that a joined
	if out, code := ask(t, "leave", "--api", a.fields["api"]); code != 0 || out != "left\n" {
		t.Errorf("leave printed %q, exit code %d", out, code)
	}
	if code := a.code(t); code != 0 {
		t.Errorf("the agent ended with %d: %s", code, a.stderr)
	}
	if code := watch.code(t); code != 0 {
		t.Errorf("the event stream ended with %d: %s", code, watch.stderr)
	}
	if _, code := ask(t, "members", "--api", a.fields["api"]); code != 4 {
		t.Errorf("asking it again ended with %d, want 4", code)
	}
}

func TestAgentThatDiesBreaksItsStreams(t *testing.T) {
	a := agent(t, "--name", "a")
	watch := spawn(t, "events", "--api", a.fields["api"])
	if err := a.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if code := watch.code(t); code != 4 {
		t.Errorf("the event stream ended with %d, want 4: %s", code, watch.stderr)
	}
}

func TestWatcherIsInterrupted(t *testing.T) {
	a := agent(t, "--name", "a")
	watch := spawn(t, "events", "--api", a.fields["api"])
	if err := watch.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if code := watch.code(t); code != 0 {
		t.Errorf("a watcher that had enough ended with %d, want 0: %s", code, watch.stderr)
	}
}

func TestSecondSignalForces(t *testing.T) {
	// A goodbye takes its time when nobody confirms it: b is cut off from the
	// one member that could.
	a := agent(t, "--name", "a")
	b := agent(t, "--name", "b", "--join", a.fields["addr"])
	await(t, "b sees a", func() bool {
		out, _ := ask(t, "members", "a", "--api", b.fields["api"])
		return strings.Contains(out, "  alive  ")
	})
	if err := a.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus // the signal is on its way; it could still answer
	if _, err := syscall.Wait4(a.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("a does not stop: %v, status %v", err, status)
	}
	if err := b.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	await(t, "b says that it is leaving", func() bool { return strings.Contains(b.stderr.String(), "leaving") })
	if err := b.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := b.code(t); code != 1 || !strings.Contains(b.stderr.String(), "second signal") {
		t.Errorf("the second signal ended it with %d: %s", code, b.stderr)
	}
}

// lockedBuffer is written by the process' copier while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
