package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// cacheDir is where libraries and built drivers are kept between runs.
func cacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("a directory for the clients: %w", err)
	}
	return filepath.Join(base, "muster-conformance"), nil
}

// unlessDone installs what a file of workDir asks for, unless that was done
// before and the file is still the same.
func unlessDone(workDir, request string, install func() error) error {
	want, err := os.ReadFile(filepath.Join(workDir, request))
	if err != nil {
		return err
	}
	stamp := filepath.Join(workDir, "installed")
	have, err := os.ReadFile(stamp)
	if err == nil && bytes.Equal(have, want) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := install(); err != nil {
		return err
	}
	return os.WriteFile(stamp, want, 0o644)
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
