// Muster-mutants proves that the simulator and the tests would notice: it
// plants one fault after the other in a copy of the module and demands that a
// sweep, or else a test, fails.
//
//	go run ./sim/cmd/muster-mutants            all of sim/mutants.txt
//	go run ./sim/cmd/muster-mutants -only NAME
//
// It exits with 0 when every mutant was caught, 1 when one survived, 2 when
// one could not be planted.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/musterhq/muster/internal/script"
)

type options struct {
	root, list, only string
	schedules, large int
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", ".", "the module's directory")
	flag.StringVar(&o.list, "list", "sim/mutants.txt", "the mutants, relative to the module")
	flag.StringVar(&o.only, "only", "", "the mutant to plant; empty means all")
	flag.IntVar(&o.schedules, "schedules", 2000, "small clusters to run against a mutant")
	flag.IntVar(&o.large, "large", 4, "large clusters to run against it")
	flag.Parse()
	survivors, err := run(&o)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "muster-mutants:", err)
		os.Exit(2)
	case survivors > 0:
		fmt.Printf("%d survived\n", survivors)
		os.Exit(1)
	}
}

// run plants the mutants one by one, and first none at all: what is caught
// without a mutant proves nothing.
func run(o *options) (survivors int, err error) {
	text, err := os.ReadFile(filepath.Join(o.root, o.list))
	if err != nil {
		return 0, err
	}
	f, err := script.Parse(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", o.list, err)
	}
	dir, err := os.MkdirTemp("", "muster-mutants-")
	if err != nil {
		return 0, err
	}
	defer func() {
		if rerr := os.RemoveAll(dir); err == nil {
			err = rerr
		}
	}()
	if err := copyModule(o.root, dir); err != nil {
		return 0, err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "mutant\tcaught by\tafter\t")
	caught, err := hunt(o, dir)
	if err != nil {
		return 0, err
	}
	if caught != "" {
		return 0, fmt.Errorf("the unchanged module fails: %s", caught)
	}
	for _, m := range f.Commands {
		if o.only != "" && m.Name != o.only {
			continue
		}
		begin := time.Now()
		caught, err := plant(o, dir, m)
		if err != nil {
			return 0, fmt.Errorf("%s:%d: %s: %w", o.list, m.Line, m.Name, err)
		}
		if caught == "" {
			caught = "NOTHING"
			survivors++
		}
		fmt.Fprintf(w, "%s\t%s\t%v\t\n", m.Name, caught, time.Since(begin).Round(100*time.Millisecond))
		fmt.Fprintf(os.Stderr, "%s: %s\n", m.Name, caught)
	}
	return survivors, w.Flush()
}

// plant changes one file, hunts, and changes it back.
func plant(o *options, dir string, m *script.Command) (caught string, err error) {
	path := filepath.Join(dir, filepath.FromSlash(m.Str("file", "")))
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	old, changed := m.Input, strings.TrimSuffix(m.Want, "\n")
	if n := strings.Count(string(text), old); n != 1 {
		return "", fmt.Errorf("what it replaces occurs %d times in %s", n, m.Str("file", ""))
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, changed, 1)), 0o644); err != nil {
		return "", err
	}
	caught, err = hunt(o, dir)
	if werr := os.WriteFile(path, text, 0o644); err == nil {
		err = werr
	}
	return caught, err
}
