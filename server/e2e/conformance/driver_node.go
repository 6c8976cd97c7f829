package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// nodeDriver is a script around the npm package nacos, of the version in
// drivers/node/package.json.
type nodeDriver struct{ source, node, modules string }

func nodeDrivers(sources string) []Driver {
	return []Driver{&nodeDriver{source: filepath.Join(sources, "node")}}
}

func (d *nodeDriver) Name() string { return "node" }

func (d *nodeDriver) Limits() map[string]string {
	return map[string]string{"last": "the library takes an empty list for an invalid one and keeps what it had"}
}

func (d *nodeDriver) Build(ctx context.Context, workDir string) (err error) {
	if d.node, err = need("node"); err != nil {
		return err
	}
	npm, err := need("npm")
	if err != nil {
		return err
	}
	d.modules = filepath.Join(workDir, "node_modules")
	lock := filepath.Join(d.source, "package-lock.json")
	return onlyIfChanged(lock, filepath.Join(workDir, "built"), func() error {
		for _, f := range []string{"package.json", "package-lock.json"} {
			if err := copyFile(filepath.Join(d.source, f), filepath.Join(workDir, f)); err != nil {
				return err
			}
		}
		return missing(tool(ctx, workDir, nil, npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"))
	})
}

func (d *nodeDriver) Command() *exec.Cmd {
	cmd := exec.Command(d.node, filepath.Join(d.source, "driver.js"))
	cmd.Env = append(os.Environ(), "NODE_PATH="+d.modules)
	return cmd
}
