//go:build unix

package interop

import "syscall"

// freeze stops the process without telling it, resume lets it go on: from
// within, a jump in time.
func (p *process) freeze() error    { return p.cmd.Process.Signal(syscall.SIGSTOP) }
func (p *process) resume() error    { return p.cmd.Process.Signal(syscall.SIGCONT) }
func (p *process) terminate() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
