package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// onlyIfChanged builds unless the sources are those of the last build that
// worked. Tools that look for themselves take seconds for it, times the number
// of drivers. The note of what was built is the file mark.
func onlyIfChanged(source, mark string, build func() error) error {
	sum, err := digest(source)
	if err != nil {
		return err
	}
	was, err := os.ReadFile(mark)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("what was built: %w", err)
	}
	if bytes.Equal(was, sum) {
		return nil
	}
	if err := build(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(mark), 0o755); err != nil {
		return fmt.Errorf("noting what was built: %w", err)
	}
	return os.WriteFile(mark, sum, 0o644)
}

// digest is one number for all files below dir, their names included.
func digest(dir string) ([]byte, error) {
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s %d\n", name, info.Size())
		_, err = io.Copy(h, f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the driver's sources: %w", err)
	}
	return []byte(hex.EncodeToString(h.Sum(nil))), nil
}
