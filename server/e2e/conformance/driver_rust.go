package main

import (
	"context"
	"os/exec"
	"path/filepath"
)

// rustDriver is the crate nacos-sdk, of the version in drivers/rust/Cargo.lock.
type rustDriver struct {
	source  string // drivers/rust
	workDir string
}

func rustDrivers(sources string) []Driver {
	return []Driver{&rustDriver{source: filepath.Join(sources, "rust")}}
}

func (d *rustDriver) Name() string { return "rust" }

// Build compiles the driver, and the crates that it fetches for that.
func (d *rustDriver) Build(ctx context.Context, workDir string) error {
	d.workDir = workDir
	cargo, err := need("cargo")
	if err != nil {
		return err
	}
	return onlyIfChanged(d.source, filepath.Join(workDir, "built"), func() error {
		// What cannot be fetched is the registry's failure, and what does not
		// compile after that is ours.
		if err := tool(ctx, d.source, nil, cargo, "fetch", "--locked", "--quiet"); err != nil {
			return missing(err)
		}
		return tool(ctx, d.source, []string{"CARGO_TARGET_DIR=" + d.target()}, cargo, "build", "--locked", "--offline", "--quiet")
	})
}

func (d *rustDriver) target() string { return filepath.Join(d.workDir, "target") }

func (d *rustDriver) Command() *exec.Cmd {
	return exec.Command(filepath.Join(d.target(), "debug", "conformance-rust"))
}
