package peers

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// processes are the servers of a system.
type processes struct{ all []*exec.Cmd }

// start starts one more, with what it says in a file.
func (p *processes) start(cmd *exec.Cmd, logFile string) error {
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return err
	}
	log, err := os.Create(logFile)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = log, log
	err = cmd.Start()
	if err == nil {
		p.all = append(p.all, cmd)
	}
	return errors.Join(err, log.Close())
}

// Close kills them.
func (p *processes) Close() {
	for _, c := range p.all {
		if c.Process.Kill() == nil {
			_ = c.Wait() // how it ended is known
		}
	}
	p.all = nil
}

// PIDs are the processes' numbers.
func (p *processes) PIDs() (all []int) {
	for _, c := range p.all {
		all = append(all, c.Process.Pid)
	}
	return all
}

// RSS returns the memory of a process in bytes.
func RSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
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

// tick is the unit of time in /proc/PID/stat, on every machine that Linux
// runs on today.
const tick = 10 * time.Millisecond

// CPU returns how long processes have been running on a processor.
func CPU(pids []int) (d time.Duration, err error) {
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return 0, err
		}
		// Its name, in brackets, may hold anything.
		f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if len(f) < 13 {
			return 0, fmt.Errorf("stat: %q", b)
		}
		for _, s := range f[11:13] { // in user mode, in the kernel
			n, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return 0, err
			}
			d += time.Duration(n) * tick
		}
	}
	return d, nil
}
