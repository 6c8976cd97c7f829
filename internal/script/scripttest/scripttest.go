// Package scripttest runs script files as tests.
package scripttest

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/musterhq/muster/internal/script"
)

// rewrite replaces the expected outputs by the actual ones. Commit only
// changes that you can explain.
var rewrite = flag.Bool("rewrite", false, "rewrite the expected output of script tests")

// Walk runs every .txt file of dir as a subtest. start begins a file and
// returns what executes one command after the other.
func Walk(t *testing.T, dir string, start func(t *testing.T) func(*script.Command) string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			Run(t, path, start(t))
		})
	}
}

// Run executes the commands of one file and compares their outputs.
func Run(t *testing.T, path string, exec func(*script.Command) string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := script.Parse(string(text))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var got []string
	for _, c := range f.Commands {
		out := exec(c)
		if out != "" && !strings.HasSuffix(out, "\n") {
			out += "\n"
		}
		got = append(got, out)
		if out != c.Want && !*rewrite {
			t.Fatalf("%s:%d: %s\ngot:\n%s\nwant:\n%s\n(-rewrite accepts the output)", path, c.Line, c.Name, out, c.Want)
		}
	}
	if !*rewrite {
		return
	}
	if err := os.WriteFile(path, []byte(f.Format(got)), 0o644); err != nil {
		t.Fatal(err)
	}
}
