package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// nodeDriver is a script around the npm package nacos.
type nodeDriver struct{ node, script, modules string }

func nodeDrivers(sources string) []Driver {
	return []Driver{&nodeDriver{script: filepath.Join(sources, "node", "driver.js")}}
}

func (d *nodeDriver) Name() string { return "node" }

// Limits are what the library cannot do, whatever the server.
func (d *nodeDriver) Limits() map[string]string {
	return map[string]string{
		"last": "the library takes an empty list for an invalid one and keeps what it had",
	}
}

func (d *nodeDriver) Build(ctx context.Context, workDir string) (err error) {
	if d.node, err = need("node"); err != nil {
		return err
	}
	npm, err := need("npm")
	if err != nil {
		return err
	}
	for _, f := range []string{"package.json", "package-lock.json"} {
		if err := copyFile(filepath.Join(filepath.Dir(d.script), f), filepath.Join(workDir, f)); err != nil {
			return err
		}
	}
	d.modules = filepath.Join(workDir, "node_modules")
	if err := unlessDone(workDir, "package-lock.json", func() error {
		return missing(tool(ctx, workDir, nil, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"))
	}); err != nil {
		return err
	}
	return nil
}

func (d *nodeDriver) Command() *exec.Cmd {
	cmd := exec.Command(d.node, d.script)
	cmd.Env = append(os.Environ(), "NODE_PATH="+d.modules)
	return cmd
}
