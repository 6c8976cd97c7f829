package agent

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"syscall"

	"github.com/musterhq/muster"
)

// BindError means that the agent could not take one of its two addresses.
// Nothing is left running.
type BindError struct {
	What string // "api" or "cluster"
	Flag string // the option that gave the address
	Addr string
	Err  error
}

func (e *BindError) Error() string {
	if e.InUse() {
		return fmt.Sprintf("%s address %s is already in use", e.What, e.Addr)
	}
	return fmt.Sprintf("%s address %s: %v", e.What, e.Addr, e.Err)
}

func (e *BindError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *BindError) Hint() string {
	if e.InUse() {
		return fmt.Sprintf("another agent may be running; give this one its own %s HOST:PORT (port 0 picks a free one)", e.Flag)
	}
	return fmt.Sprintf("%s wants the address of one of this machine's interfaces, as HOST:PORT", e.Flag)
}

// InUse reports whether another process holds the address.
func (e *BindError) InUse() bool {
	const wsaeaddrinuse = syscall.Errno(10048) // not mapped to EADDRINUSE by package syscall
	return errors.Is(e.Err, syscall.EADDRINUSE) ||
		runtime.GOOS == "windows" && errors.Is(e.Err, wsaeaddrinuse)
}

// clusterError tells a failure to bind from the other reasons a node may have
// not to start.
func clusterError(bind string, err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return &BindError{What: "cluster", Flag: "--bind", Addr: bind, Err: err}
	}
	return fmt.Errorf("start: %w", err)
}

// refused turns what the node said to a request into the API's words.
func refused(what string, err error) error {
	status, hint := http.StatusBadGateway, ""
	switch {
	case errors.Is(err, muster.ErrUnknown):
		status, hint = http.StatusNotFound, `"muster members" lists the names`
	case errors.Is(err, muster.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, muster.ErrLeft):
		status, hint = http.StatusConflict, "this member has left its cluster"
	case errors.Is(err, muster.ErrBusy), errors.Is(err, muster.ErrClosed):
		status = http.StatusServiceUnavailable
	}
	return fault(status, hint, "%s: %v", what, err)
}
