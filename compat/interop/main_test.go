package interop

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var (
	controlOnly = flag.Bool("control", false, "run every scenario with memberlist nodes only, to test the harness itself")
	tableFile   = flag.String("table", "", "also write the closing table to this `FILE`")
	raceAgent   = flag.Bool("race-agent", false, "build the muster agent with the race detector")
)

// clustersAtOnce bounds the scenarios running side by side. Their nodes mostly
// wait, so this may exceed the number of processors.
const clustersAtOnce = "6"

func TestMain(m *testing.M) {
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	flag.Parse()
	if err := useParallel(clustersAtOnce); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "muster-interop-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if err := claimPorts(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := ports.claim.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if err := buildAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := results.print(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// useParallel sets -parallel unless the user did.
func useParallel(n string) error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", n)
}

// buildAll makes the three programs the clusters consist of.
func buildAll(dir string) error {
	builds := []struct {
		kind kind
		dir  string
		args []string
	}{
		{memberlist07, "..", []string{"./interop/peer"}},
		{memberlist05, "..", []string{"-modfile=memberlist05.mod", "./interop/peer"}},
		{muster, filepath.Join("..", "..", "server"), []string{"./cmd/muster"}},
	}
	for _, b := range builds {
		if b.kind == muster {
			if *controlOnly {
				continue
			}
			if *raceAgent {
				b.args = append([]string{"-race"}, b.args...)
			}
		}
		program := filepath.Join(dir, b.kind.String())
		if err := goBuild(b.dir, program, b.args...); err != nil {
			return fmt.Errorf("build %v: %w", b.kind, err)
		}
		programs[b.kind] = program
	}
	return nil
}
