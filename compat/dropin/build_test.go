package dropin

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// build tells with what a program is built.
type build string

const (
	stock  build = "stock"  // hashicorp/memberlist
	dropIn build = "dropin" // the replacement
)

// replaces are the lines that an application adds to its go.mod, with the
// places that they have here.
const replaces = `
replace github.com/hashicorp/memberlist => %[1]s/compat/memberlist
replace github.com/musterhq/muster => %[1]s
`

var binaries struct {
	sync.Mutex
	dir    string
	byName map[string]string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "dropin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binaries.dir, binaries.byName = dir, make(map[string]string)
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// binary builds one of compat/programs, once, and returns the path to it.
func binary(t *testing.T, program string, with build) string {
	t.Helper()
	binaries.Lock()
	defer binaries.Unlock()
	name := program + "-" + string(with)
	if path := binaries.byName[name]; path != "" {
		return path
	}
	path := filepath.Join(binaries.dir, name)
	args := []string{"build", "-o", path}
	if with == dropIn {
		args = append(args, "-mod=mod", "-modfile="+modfile(t))
	}
	cmd := exec.Command("go", append(args, "./"+program)...)
	cmd.Dir = filepath.Join(root(t), "compat", "programs")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(cmd.Args[1:], " "), err, out)
	}
	binaries.byName[name] = path
	return path
}

// modfile writes the programs' go.mod with the replace lines added, beside a
// go.sum of what both modules need.
func modfile(t *testing.T) string {
	t.Helper()
	programs := filepath.Join(root(t), "compat", "programs")
	mod := read(t, filepath.Join(programs, "go.mod")) + fmt.Sprintf(replaces, root(t))
	sum := read(t, filepath.Join(programs, "go.sum")) + read(t, filepath.Join(root(t), "compat", "memberlist", "go.sum"))
	path := filepath.Join(binaries.dir, "dropin.mod")
	for file, text := range map[string]string{path: mod, filepath.Join(binaries.dir, "dropin.sum"): sum} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// root is the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOwn runs the drop-in's own tests, which being a module of its own it keeps
// from go test ./... here.
func TestOwn(t *testing.T) {
	t.Parallel()
	args := []string{"test", "./..."}
	if testing.Short() {
		args = []string{"test", "-short", "./..."}
	}
	cmd := exec.Command("go", args...)
	cmd.Dir = filepath.Join(root(t), "compat", "memberlist")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
