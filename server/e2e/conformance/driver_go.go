package main

import (
	"context"
	"os/exec"
	"path/filepath"
)

// goDriver is a program of this module. Its library is a requirement in go.mod.
type goDriver struct{ name, sources, binary string }

func goDrivers(sources string) []Driver {
	return []Driver{
		&goDriver{name: "go-v2", sources: sources},
		&goDriver{name: "go-v1", sources: sources},
	}
}

func (d *goDriver) Name() string { return d.name }

func (d *goDriver) Build(ctx context.Context, workDir string) error {
	program := filepath.Join(d.sources, d.name)
	// What go mod download cannot have is the registry's failure, and what does
	// not compile after that is ours.
	if err := tool(ctx, program, nil, "go", "mod", "download"); err != nil {
		return missing(err)
	}
	d.binary = filepath.Join(workDir, d.name)
	return tool(ctx, program, nil, "go", "build", "-buildvcs=false", "-o", d.binary, ".")
}

func (d *goDriver) Command() *exec.Cmd { return exec.Command(d.binary) }
