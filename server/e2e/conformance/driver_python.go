package main

import (
	"context"
	"os/exec"
	"path/filepath"
)

// pythonDriver is a script around the PyPI package nacos-sdk-python.
type pythonDriver struct{ python, script string }

func pythonDrivers(sources string) []Driver {
	return []Driver{&pythonDriver{script: filepath.Join(sources, "python", "driver.py")}}
}

func (d *pythonDriver) Name() string { return "python" }

func (d *pythonDriver) Build(ctx context.Context, workDir string) error {
	python, err := need("python3", "python")
	if err != nil {
		return err
	}
	if err := copyFile(filepath.Join(filepath.Dir(d.script), "requirements.txt"), filepath.Join(workDir, "requirements.txt")); err != nil {
		return err
	}
	venv := filepath.Join(workDir, "venv")
	d.python = filepath.Join(venv, "bin", "python")
	return unlessDone(workDir, "requirements.txt", func() error {
		if err := tool(ctx, workDir, nil, python, "-m", "venv", "--clear", venv); err != nil {
			return missing(err) // Debian has it in a package of its own
		}
		return missing(tool(ctx, workDir, nil, d.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"))
	})
}

func (d *pythonDriver) Command() *exec.Cmd { return exec.Command(d.python, "-u", d.script) }
