package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// parts are what the core, the simulator and their tests consist of.
var parts = []string{"go.mod", "wire", "swim", "sim", "internal"}

// copyModule copies the parts of the module that a hunt needs.
func copyModule(from, to string) error {
	for _, part := range parts {
		err := filepath.WalkDir(filepath.Join(from, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(from, path)
			if err != nil {
				return err
			}
			target := filepath.Join(to, rel)
			if d.IsDir() {
				return os.MkdirAll(target, 0o755)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o644)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// How long a sweep, and then the tests, may take. A mutant may well
// keep the core busy for ever.
const (
	patience     = 5 * time.Minute
	testPatience = time.Minute
)

// hunt runs the sweep and, if that finds nothing, the tests. It returns what
// found something, "" when nothing did.
func hunt(o *options, dir string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	bin := filepath.Join(dir, "sim.bin")
	if out, err := command(ctx, dir, "go", "build", "-o", bin, "./sim/cmd/muster-sim").CombinedOutput(); err != nil {
		return "", fmt.Errorf("it does not build: %w\n%s", err, out)
	}
	sweep := command(ctx, dir, bin, "-schedules", fmt.Sprint(o.schedules), "-large", fmt.Sprint(o.large), "-failures", "1", "-shrink", "0", "-out", "")
	out, err := sweep.CombinedOutput()
	switch {
	case err == nil:
		return huntTests(dir)
	case ctx.Err() != nil:
		return "the sweep, which never ends", nil
	}
	if failed := new(exec.ExitError); !errors.As(err, &failed) {
		return "", err
	}
	return verdict(string(out)), nil
}

var (
	violation = regexp.MustCompile(`FAILED after (\d+) schedules: seed (\d+): invariant (\d+)`)
	testName  = regexp.MustCompile(`--- FAIL: (\S+)`)
	timedOut  = regexp.MustCompile(`running tests:\s+(\S+)`)
	panicked  = regexp.MustCompile(`(?m)^(panic|fatal error): .*$`)
)

// verdict says in short how a sweep failed.
func verdict(out string) string {
	if m := violation.FindStringSubmatch(out); m != nil {
		return fmt.Sprintf("invariant %s at seed %s after %s schedules", m[3], m[2], m[1])
	}
	if m := panicked.FindString(out); m != "" {
		return m
	}
	return "the sweep: " + lastLine(out)
}

// huntTests runs the tests of the core and of the simulator.
func huntTests(dir string) (string, error) {
	out, err := command(context.Background(), dir, "go", "test", "-timeout", testPatience.String(), "./swim", "./sim/...").CombinedOutput()
	if err == nil {
		return "", nil
	}
	if failed := new(exec.ExitError); !errors.As(err, &failed) {
		return "", err
	}
	var names []string
	for _, m := range testName.FindAllStringSubmatch(string(out), -1) {
		if n := len(names); n > 0 && strings.HasPrefix(m[1], names[n-1]+"/") {
			names = names[:n-1] // a subtest says more than its parent
		}
		names = append(names, m[1])
	}
	if m := timedOut.FindStringSubmatch(string(out)); m != nil {
		names = append(names, m[1]+", which never ends")
	}
	if len(names) == 0 {
		return "", fmt.Errorf("the tests do not run: %w\n%s", err, out)
	}
	if most := 3; len(names) > most {
		names = append(names[:most], "...")
	}
	return strings.Join(names, ", "), nil
}

func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1]
}

func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	return cmd
}
