package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// officialName is what the official end-to-end suite for Go is called in the
// results.
const officialName = "official"

// The suite is a folder of a repository, which is a module only by the name of
// it. It asks for servers at 127.0.0.1:8848 and :9848.
const (
	suiteModule = "github.com/nacos-group/nacos-e2e@475391c"
	suiteFolder = "golang"
	suiteHTTP   = 8848
	suiteGRPC   = 9848
	suiteTime   = 10 * time.Minute
)

// suiteGoMod is what its script would make, with the client that go-v2 has.
const suiteGoMod = `module nacos_go_test

go 1.25

require (
	github.com/nacos-group/nacos-sdk-go/v2 v2.3.5
	github.com/stretchr/testify v1.11.1
)
`

// official runs the naming tests of the suite against one server. None of its
// code is kept.
func (r *runner) official(ctx context.Context, binary string) error {
	ctx, cancel := context.WithTimeout(ctx, suiteTime)
	defer cancel()
	dir := filepath.Join(r.dir, officialName)
	err := r.suite(ctx, filepath.Join(dir, "suite"))
	if err == nil {
		err = free(suiteHTTP, suiteGRPC)
	}
	if errors.Is(err, ErrMissing) {
		r.lacks(officialName, err)
		return nil
	}
	if err != nil {
		return err
	}
	c, err := proc.NewCluster(binary, dir, 1, nil)
	if err != nil {
		return err
	}
	c.Servers[0].HTTP, c.Servers[0].GRPC = suiteHTTP, suiteGRPC
	if err := c.Start(ctx); err != nil {
		return err
	}
	defer c.Close()
	results, err := runSuite(ctx, filepath.Join(dir, "suite"))
	for _, res := range results {
		r.say(res)
	}
	r.keep(results)
	return err
}

// suite puts the suite's naming tests into dir.
func (r *runner) suite(ctx context.Context, dir string) error {
	from := r.suiteDir
	if from == "" {
		cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", suiteModule)
		cmd.Dir = r.dir // outside of any module
		out, err := cmd.Output()
		var module struct{ Dir, Error string }
		if decoding := json.Unmarshal(out, &module); decoding != nil {
			return missing(errors.Join(err, decoding))
		}
		if err != nil || module.Error != "" {
			return fmt.Errorf("%w: %s (--suite takes a copy of its repository)", ErrMissing, module.Error)
		}
		from = module.Dir
	}
	for _, f := range []string{"utils/nacos_base.go", "nacosgotest/naming_test.go"} {
		to := filepath.Join(dir, filepath.FromSlash(f))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		err := copyFile(filepath.Join(from, suiteFolder, filepath.FromSlash(f)), to)
		if errors.Is(err, fs.ErrNotExist) {
			return missing(err)
		}
		if err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), []byte(suiteGoMod), 0o644); err != nil {
		return err
	}
	return missing(tool(ctx, dir, nil, "go", "mod", "tidy"))
}

// free reports ports that are in use: the suite cannot be told others.
func free(ports ...int) error {
	for _, p := range ports {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
		if err != nil {
			return missing(err)
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}

// verdictLine is how go test -v ends a test.
var verdictLine = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \(([0-9.]+)s\)`)

func runSuite(ctx context.Context, dir string) (results []result, err error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "./nacosgotest")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "ALL_IP=nacos-0:127.0.0.1", "namespace=", "ACCESS_KEY=", "SECRET_KEY=")
	out, err := cmd.CombinedOutput()
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		m := verdictLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		took, err := time.ParseDuration(m[3] + "s")
		if err != nil {
			return nil, err
		}
		res := result{Scenario: m[2], Client: officialName, Servers: 1, Outcome: ok, Took: took}
		if m[1] != "PASS" {
			res.Outcome, res.Why = failed, m[1]
		}
		results = append(results, res)
	}
	if err != nil && (len(results) == 0 || (report{Results: results}).failures() == 0) {
		text := strings.TrimSpace(string(out))
		results = append(results, result{Scenario: "all", Client: officialName, Servers: 1, Outcome: failed, Why: fmt.Sprintf("%v: %s", err, text[max(0, len(text)-600):])})
	}
	return results, nil
}
