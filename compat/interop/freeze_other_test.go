//go:build !unix

package interop

import "errors"

var errNoSignals = errors.New("this system has no such signal")

func (p *process) freeze() error    { return errNoSignals }
func (p *process) resume() error    { return errNoSignals }
func (p *process) terminate() error { return errNoSignals }
