package fleet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// A provider in a process of its own can die as real ones do: without a word.
// The process is the test binary, or whatever else calls Child first.

const childEnv = "MUSTER_E2E_PROVIDER"

// errChild says that a child did not come up.
var errChild = errors.New("a provider's process")

// child is what such a process is told.
type child struct {
	N, First int
	HTTP     bool // a client of 1.x
	Dir      string
	Servers  []address
}

type address struct {
	IP         string
	HTTP, GRPC int
}

// Child does what a provider's process does, if this is one, and does not
// return then.
func Child() {
	conf := os.Getenv(childEnv)
	if conf == "" {
		return
	}
	if err := provide(conf); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func provide(conf string) error {
	var c child
	if err := json.Unmarshal([]byte(conf), &c); err != nil {
		return err
	}
	f := &Fleet{dir: c.Dir, began: time.Now(), providers: make(map[string]*Provider), addrs: c.Servers}
	var p *Provider
	var err error
	if c.HTTP {
		p, err = f.ProvideByHTTP(c.N)
	} else {
		p, err = f.Provide(c.N, c.First)
	}
	if err != nil {
		return err
	}
	fmt.Println("registered", p.Addr)
	_, err = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	return err
}

// ProvideProcess starts a process that registers the nth instance.
func (f *Fleet) ProvideProcess(n, first int, byHTTP bool) (*Provider, error) {
	dir, err := os.MkdirTemp(f.dir, "process")
	if err != nil {
		return nil, err
	}
	conf, err := json.Marshal(child{N: n, First: first, HTTP: byHTTP, Dir: dir, Servers: f.addrs})
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env, cmd.Stderr = append(os.Environ(), childEnv+"="+string(conf)), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end := func() {
		_ = cmd.Process.Kill() // it may be gone already
		_ = cmd.Wait()         // tells of the signal
		_ = in.Close()
	}
	addr, err := registered(out)
	if err != nil {
		end()
		return nil, err
	}
	p := &Provider{Addr: addr, born: time.Now(), close: end, process: cmd.Process}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.providers[addr] = p
	return p, nil
}

// registered waits for the child's word. What the client library prints beside
// it means nothing.
func registered(out io.Reader) (addr string, err error) {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if addr, ok := strings.CutPrefix(lines.Text(), "registered "); ok {
			go func() { _, _ = io.Copy(io.Discard, out) }() // ends with the process
			return addr, nil
		}
	}
	return "", errors.Join(errChild, lines.Err())
}

// Kill ends a provider's process as kill -9 does.
func (f *Fleet) Kill(p *Provider) {
	f.ends(p, "is killed with -9")
	p.close()
}

// Freeze stops a provider's process: its connection stays, and nobody answers.
func (f *Fleet) Freeze(p *Provider) error {
	f.ends(p, "freezes")
	return p.process.Signal(syscall.SIGSTOP)
}

// ends notes that a provider's instance is to go.
func (f *Fleet) ends(p *Provider, how string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.died = time.Now()
	f.note("provider %s %s", p.Addr, how)
}
