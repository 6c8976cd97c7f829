// Package proc runs servers as processes of their own, as an operator would:
// started, killed, stopped and started again on the same directory and ports.
package proc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Build builds the server into dir.
func Build(ctx context.Context, serverModule, dir string) (binary string, err error) {
	binary = filepath.Join(dir, "muster")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/muster")
	cmd.Dir = serverModule
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the server: %w\n%s", err, out)
	}
	return binary, nil
}

// A Cluster is some servers on this machine.
type Cluster struct {
	Servers []*Server
}

// NewCluster makes size servers that are not started, with a directory each
// under dir. They are on the loopback, or in the lab if there is one.
func NewCluster(binary, dir string, size int, lab *Lab) (*Cluster, error) {
	c := &Cluster{}
	taken := make(map[int]bool)
	for i := range size {
		name := "s" + strconv.Itoa(i+1)
		s := &Server{
			Name: name, Dir: filepath.Join(dir, name), IP: "127.0.0.1", command: []string{binary},
			HTTP: 8848, GRPC: 9848, Raft: 7848, Gossip: 7946,
		}
		if lab != nil {
			s.IP, s.command = lab.Addr(i), []string{"ip", "netns", "exec", lab.hosts[i], binary}
		} else {
			base, err := freePorts(taken)
			if err != nil {
				return nil, err
			}
			s.HTTP, s.GRPC, s.Raft, s.Gossip = base, base+1000, base-1000, base-2000
		}
		c.Servers = append(c.Servers, s)
	}
	var seeds []string
	for _, s := range c.Servers {
		seeds = append(seeds, net.JoinHostPort(s.IP, strconv.Itoa(s.Gossip)))
	}
	for _, s := range c.Servers {
		if size > 1 {
			s.args = []string{"--join", strings.Join(seeds, ","), "--bootstrap-expect", strconv.Itoa(size)}
		}
	}
	return c, nil
}

// Readdress gives a server, which must not run, other ports: to the others that
// is as if it had moved.
func (s *Server) Readdress() error {
	base, err := freePorts(map[int]bool{})
	if err == nil {
		s.HTTP, s.GRPC, s.Raft, s.Gossip = base, base+1000, base-1000, base-2000
	}
	return err
}

// freePorts finds an HTTP port whose neighbours for the rest are free, too.
func freePorts(taken map[int]bool) (int, error) {
	for range 200 {
		base := 20000 + rand.IntN(11000)
		free := true
		for _, p := range []int{base, base + 1000, base - 1000, base - 2000} {
			free = free && !taken[p] && isFree(p)
		}
		if free {
			for _, p := range []int{base, base + 1000, base - 1000, base - 2000} {
				taken[p] = true
			}
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func isFree(port int) bool {
	addr := "127.0.0.1:" + strconv.Itoa(port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return false
	}
	pc, uerr := net.ListenPacket("udp", addr)
	if uerr == nil {
		uerr = pc.Close()
	}
	return errors.Join(l.Close(), uerr) == nil
}

// Flags has all servers started with those flags besides their own.
func (c *Cluster) Flags(flags ...string) {
	for _, s := range c.Servers {
		s.args = append(s.args, flags...)
	}
}

// Start starts all servers and waits until they are ready.
func (c *Cluster) Start(ctx context.Context) error {
	for _, s := range c.Servers {
		if err := s.Start(); err != nil {
			return err
		}
	}
	for _, s := range c.Servers {
		if err := s.AwaitReady(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close kills what runs.
func (c *Cluster) Close() {
	for _, s := range c.Servers {
		s.Kill()
	}
}

// Leader returns the server that leads, as one of them says. Those that do not
// answer soon are passed over.
func (c *Cluster) Leader(ctx context.Context) (*Server, error) {
	for _, s := range c.Servers {
		ask, cancel := context.WithTimeout(ctx, time.Second)
		body, status, err := s.Get(ask, "/nacos/v1/ns/raft/leader")
		cancel()
		if err != nil || status != http.StatusOK {
			continue
		}
		for _, l := range c.Servers {
			if strings.Contains(body, `\"`+net.JoinHostPort(l.IP, strconv.Itoa(l.HTTP))+`\"`) {
				return l, nil
			}
		}
	}
	return nil, errors.New("no server knows a leader")
}

// A Server is one server, running or not.
type Server struct {
	Name                     string
	Dir, IP                  string
	HTTP, GRPC, Gossip, Raft int
	Began                    time.Time
	Ready                    time.Duration // how long the last start took

	command []string
	args    []string
	mu      sync.Mutex
	cmd     *exec.Cmd
	ready   chan struct{}
	exited  chan struct{}
}

// Start starts the server.
func (s *Server) Start() error {
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		return err
	}
	logs, err := os.OpenFile(s.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	args := append([]string{
		"server", "--data-dir", s.DataDir(), "--bind", s.IP, "--log-format", "text",
		"--http-port", strconv.Itoa(s.HTTP), "--grpc-port", strconv.Itoa(s.GRPC),
		"--raft-port", strconv.Itoa(s.Raft), "--gossip-port", strconv.Itoa(s.Gossip),
	}, s.args...)
	cmd := exec.Command(s.command[0], append(s.command[1:len(s.command):len(s.command)], args...)...)
	cmd.Stderr = logs
	out, err := cmd.StdoutPipe()
	if err != nil {
		return errors.Join(err, logs.Close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Began = time.Now()
	if err := cmd.Start(); err != nil {
		return errors.Join(err, logs.Close())
	}
	s.cmd, s.ready, s.exited = cmd, make(chan struct{}), make(chan struct{})
	go func(ready, exited chan struct{}, began time.Time) {
		defer close(exited)
		defer func() { _ = logs.Close() }() // the process has written what it had to
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "ready ") {
				s.mu.Lock()
				s.Ready = time.Since(began)
				s.mu.Unlock()
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // how it ended is for those who look at ProcessState
	}(s.ready, s.exited, s.Began)
	return nil
}

// DataDir is the server's directory.
func (s *Server) DataDir() string { return filepath.Join(s.Dir, "data") }

// Join has the server join those servers when it is started the next time.
func (s *Server) Join(others ...*Server) {
	s.args = nil
	for _, o := range others {
		s.args = append(s.args, "--join", net.JoinHostPort(o.IP, strconv.Itoa(o.Gossip)))
	}
}

// Muster runs another command of the same program.
func (s *Server) Muster(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, s.command[len(s.command)-1], args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("muster %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// LogFile is where the server logs to.
func (s *Server) LogFile() string { return filepath.Join(s.Dir, "log") }

// AwaitReady returns when the server says that it is ready.
func (s *Server) AwaitReady(ctx context.Context) error {
	s.mu.Lock()
	ready, exited := s.ready, s.exited
	s.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-exited:
		return fmt.Errorf("%s has ended: %s", s.Name, s.tail())
	case <-ctx.Done():
		return fmt.Errorf("%s is not ready: %w: %s", s.Name, ctx.Err(), s.tail())
	}
}

// AwaitReadyz returns when the server answers that it is ready: one that is up,
// and was ready, may have fallen behind.
func (s *Server) AwaitReadyz(ctx context.Context) error {
	if err := s.AwaitReady(ctx); err != nil {
		return err
	}
	for {
		said, cancel := context.WithTimeout(ctx, time.Second)
		body, status, err := s.Get(said, "/readyz")
		cancel()
		if err == nil && status == http.StatusOK {
			return nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%s says %d %q: %w: %s", s.Name, status, body, errors.Join(ctx.Err(), err), s.tail())
		}
	}
}

func (s *Server) tail() string {
	b, err := os.ReadFile(s.LogFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// Signal sends the process a signal.
func (s *Server) Signal(sig os.Signal) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return os.ErrProcessDone
	}
	return s.cmd.Process.Signal(sig)
}

// Kill ends the server as kill -9 does, and waits for it.
func (s *Server) Kill() {
	if s.Signal(syscall.SIGKILL) == nil {
		s.wait()
	}
}

// Stop ends the server as an operator does, and returns its exit code.
func (s *Server) Stop(ctx context.Context) (code int, err error) {
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return s.Wait(ctx)
}

// Wait returns the exit code of a server that ends by itself.
func (s *Server) Wait(ctx context.Context) (code int, err error) {
	s.mu.Lock()
	cmd, exited := s.cmd, s.exited
	s.mu.Unlock()
	select {
	case <-exited:
		return cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s does not end: %w: %s", s.Name, ctx.Err(), s.tail())
	}
}

func (s *Server) wait() {
	s.mu.Lock()
	exited := s.exited
	s.mu.Unlock()
	<-exited
}

// Running reports whether the process is there.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exited == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// PID returns the process' number.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.Process.Pid
}

// RSS returns the process' memory in bytes.
func (s *Server) RSS() (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.PID()))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0, fmt.Errorf("statm: %q", b)
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	return pages * int64(os.Getpagesize()), err
}

// URL returns the address of a path.
func (s *Server) URL(path string) string {
	return "http://" + net.JoinHostPort(s.IP, strconv.Itoa(s.HTTP)) + path
}

// Get asks the server for a path.
func (s *Server) Get(ctx context.Context, path string) (body string, status int, err error) {
	return s.Do(ctx, http.MethodGet, path)
}

// Do sends a request without a body.
func (s *Server) Do(ctx context.Context, method, path string) (body string, status int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, s.URL(path), nil)
	if err != nil {
		return "", 0, err
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", 0, err
	}
	b, err := io.ReadAll(a.Body)
	return string(b), a.StatusCode, errors.Join(err, a.Body.Close())
}
