//go:build !linux

package interop

import "syscall"

// dieWithParent: only Linux has it; elsewhere the cleanup must do.
func dieWithParent() *syscall.SysProcAttr { return nil }
