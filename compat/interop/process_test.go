package interop

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// kind says which implementation a process runs.
type kind int

const (
	muster kind = iota
	memberlist07
	memberlist05
)

func (k kind) String() string {
	return [...]string{"muster", "memberlist-0.7.0", "memberlist-0.5.4"}[k]
}

// programs are the binaries TestMain built.
var programs = map[kind]string{}

func goBuild(dir, out string, args ...string) error {
	cmd := exec.Command("go", append([]string{"build", "-o", out}, args...)...)
	cmd.Dir = dir
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, msg)
	}
	return nil
}

// readyTimeout bounds the time from start to the ready line; the machine may
// be starting many processes at once.
const readyTimeout = 20 * time.Second

// process is one running node and what is known of it from outside.
type process struct {
	kind    kind
	addr    string // gossip, HOST:PORT
	api     string
	logPath string

	mail   *mailbox
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process is gone
	err    error         // how it ended; read after exited
}

// startProcess runs a node until its ready line. Its standard error, and what
// more it prints, is appended to the log file.
func startProcess(k kind, logPath string, args ...string) (*process, error) {
	if k == muster {
		args = append([]string{"agent"}, args...)
	}
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(programs[k], args...)
	cmd.Stderr = log
	cmd.SysProcAttr = dieWithParent()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("start %v: %w", k, err), log.Close())
	}
	p := &process{kind: k, logPath: logPath, cmd: cmd, exited: make(chan struct{})}
	ready := make(chan string, 1)
	go p.follow(stdout, log, ready)

	select {
	case line := <-ready:
		if err := p.parseReady(line); err != nil {
			return nil, errors.Join(err, p.kill())
		}
		if err := p.openMailbox(); err != nil {
			return nil, errors.Join(err, p.kill())
		}
		return p, nil
	case <-p.exited:
		return nil, fmt.Errorf("%v ended before it was ready: %w", k, p.err)
	case <-time.After(readyTimeout):
		return nil, errors.Join(fmt.Errorf("%v not ready after %v", k, readyTimeout), p.kill())
	}
}

// follow hands over the ready line, keeps the rest, and reaps the process.
func (p *process) follow(stdout io.Reader, log *os.File, ready chan<- string) {
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if line := lines.Text(); strings.HasPrefix(line, "ready ") {
			ready <- line
			break
		}
	}
	_, copyErr := io.Copy(log, stdout)
	p.err = errors.Join(lines.Err(), copyErr, p.cmd.Wait(), log.Close())
	close(p.exited)
}

// parseReady reads "ready name=NAME addr=HOST:PORT api=HOST:PORT".
func (p *process) parseReady(line string) error {
	for _, field := range strings.Fields(line) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "addr":
			p.addr = value
		case "api":
			p.api = value
		}
	}
	if p.addr == "" || p.api == "" {
		return fmt.Errorf("ready line without addr or api: %q", line)
	}
	return nil
}

// running is nil while the process is.
func (p *process) running() error {
	select {
	case <-p.exited:
		return fmt.Errorf("process ended: %v", p.err)
	default:
		return nil
	}
}

// kill is kill -9, and waits for the end.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}
