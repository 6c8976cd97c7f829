package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A Driver is a small program around one unmodified client library: how it is
// had, and how it is started. What it speaks is in drivers/README.md.
type Driver interface {
	// Name is what --clients and the table call it, such as "java-2.5.1".
	Name() string

	// Build installs the library through its package registry and builds the
	// program around it. All that it writes goes below workDir, a directory of
	// this driver's own that is kept from run to run; nothing goes into the
	// source tree. An error that wraps ErrMissing says that the library cannot
	// be had here; any other is a failure of the run.
	Build(ctx context.Context, workDir string) error

	// Command returns a process to start, after Build. The caller sets its
	// pipes. Each one is one client.
	Command() *exec.Cmd
}

// A Limited driver's library cannot do what some scenarios are about, whatever
// the server does.
type Limited interface {
	// Limits returns why, by the scenario's name.
	Limits() map[string]string
}

// ErrMissing says that a client cannot be had on this machine: its tool is not
// installed, or its registry does not answer.
var ErrMissing = errors.New("could not have it")

// drivers are all there are, in the order of the table. A new one is a file
// beside this one and a line here.
func drivers(sources string) []Driver {
	return slices.Concat(
		goDrivers(sources),
		javaDrivers(sources),
		nodeDrivers(sources),
		pythonDrivers(sources),
		rustDrivers(sources),
	)
}

// need returns where the first of those tools is, or ErrMissing.
func need(names ...string) (path string, err error) {
	for _, name := range names {
		if path, err = exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not installed", ErrMissing, strings.Join(names, " or "))
}

// tool runs a command in dir and returns what it wrote if it fails.
func tool(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		last := strings.Join(lines[max(0, len(lines)-12):], "\n")
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, last)
	}
	return nil
}

// missing marks the failure of a tool that fetches from a registry.
func missing(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrMissing, err)
}
