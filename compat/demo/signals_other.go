//go:build !unix

package main

import (
	"errors"
	"os/exec"
)

const canSignal = false

var errNoSignals = errors.New("no such signal on this system")

func detach(*exec.Cmd)       {}
func freeze(*exec.Cmd) error { return errNoSignals }
func wake(*exec.Cmd) error   { return errNoSignals }
