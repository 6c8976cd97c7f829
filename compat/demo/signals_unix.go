//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// canSignal says that processes can be frozen and woken here.
const canSignal = true

// detach puts a child into a process group of its own, so that a Ctrl-C at the
// terminal reaches the demo alone, which then ends its children in order.
func detach(cmd *exec.Cmd) {
	attr := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(attr)
	cmd.SysProcAttr = attr
}

func freeze(cmd *exec.Cmd) error { return cmd.Process.Signal(syscall.SIGSTOP) }
func wake(cmd *exec.Cmd) error   { return cmd.Process.Signal(syscall.SIGCONT) }
