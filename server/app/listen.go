package app

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strconv"
	"syscall"
)

// A BindError says that the server could not take one of its ports. Nothing is
// left running.
type BindError struct {
	What string // the port is for
	Flag string // that says which port
	Addr string
	Err  error
}

func (e *BindError) Error() string {
	if e.inUse() {
		return fmt.Sprintf("%s address %s is already in use", e.What, e.Addr)
	}
	return fmt.Sprintf("%s address %s: %v", e.What, e.Addr, e.Err)
}

func (e *BindError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *BindError) Hint() string {
	switch {
	case e.inUse():
		return fmt.Sprintf("another server may be running, Nacos or this one; end it, or give this one another %s", e.Flag)
	case errors.Is(e.Err, syscall.EADDRNOTAVAIL):
		return "--bind wants the address of one of this machine's interfaces"
	case errors.Is(e.Err, syscall.EACCES):
		return fmt.Sprintf("this user may not have that port; give the server another %s", e.Flag)
	}
	return ""
}

func (e *BindError) inUse() bool {
	const wsaeaddrinuse = syscall.Errno(10048) // not mapped to EADDRINUSE by package syscall
	return errors.Is(e.Err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && errors.Is(e.Err, wsaeaddrinuse)
}

// bindError makes one, if err is about an address.
func bindError(what, flag, addr string, err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return &BindError{What: what, Flag: flag, Addr: addr, Err: err}
	}
	return fmt.Errorf("%s address %s: %w", what, addr, err)
}

// address is where a port is opened.
func (o *Options) address(port int) string {
	return net.JoinHostPort(o.Bind, strconv.Itoa(max(port, 0)))
}

func listen(o *Options, what, flag string, port int) (net.Listener, error) {
	addr := o.address(port)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, bindError(what, flag, addr, err)
	}
	return l, nil
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }
