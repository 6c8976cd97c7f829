package interop

import "syscall"

// dieWithParent has the kernel kill the nodes of a test run that was itself
// killed, which leaves no time for a cleanup.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
