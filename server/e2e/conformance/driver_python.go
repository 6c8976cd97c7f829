package main

import (
	"context"
	"os/exec"
	"path/filepath"
)

// pythonDriver is a script around the PyPI package nacos-sdk-python, of the
// version in drivers/python/requirements.txt.
type pythonDriver struct{ source, python string }

func pythonDrivers(sources string) []Driver {
	return []Driver{&pythonDriver{source: filepath.Join(sources, "python")}}
}

func (d *pythonDriver) Name() string { return "python" }

func (d *pythonDriver) Build(ctx context.Context, workDir string) error {
	python, err := need("python3", "python")
	if err != nil {
		return err
	}
	venv := filepath.Join(workDir, "venv")
	d.python = filepath.Join(venv, "bin", "python")
	requirements := filepath.Join(d.source, "requirements.txt")
	return onlyIfChanged(requirements, filepath.Join(workDir, "built"), func() error {
		if err := tool(ctx, workDir, nil, python, "-m", "venv", "--clear", venv); err != nil {
			return missing(err) // Debian has it in a package of its own
		}
		return missing(tool(ctx, workDir, nil, d.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements))
	})
}

func (d *pythonDriver) Command() *exec.Cmd {
	return exec.Command(d.python, "-u", filepath.Join(d.source, "driver.py"))
}
