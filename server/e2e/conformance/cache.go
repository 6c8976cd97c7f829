package main

import (
	"fmt"
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

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}
