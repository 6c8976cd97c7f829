package main

import "syscall"

// dieWithParent covers the one end the demo cannot tidy up after: its own
// kill -9.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
