// Package examples tests that the example programs do what they say.
package examples

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// build makes all the programs, once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "muster-examples-")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./...")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return dir, cmd.Run()
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := build(); err == nil && os.RemoveAll(dir) != nil {
		code = 1
	}
	os.Exit(code)
}

// command is an example program that ends with the test, or fails it.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	dir, err := build()
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, filepath.Join(dir, name), args...)
}

func TestExamplesThatEnd(t *testing.T) {
	for name, want := range map[string][]string{
		"core":   {"1 sees join 3", "1 sees suspect 3", "1 sees leave 3", "2 sees leave 3"},
		"rotate": {`n1 got "all know the new key"`, `n1 got "all use the new key"`, `n1 got "the old key is gone"`},
		"watch":  {"joined worker jobs=3", "updated worker jobs=0", "left worker jobs=0"},
		"request": {
			"pears cost 3.20 (<nil>)", "refused: asker: no plums today", "nobody there handles the weather: true",
			"the asker gave up, and the clerk too: true",
		},
		"topics": {
			`ann reads "for ann only" by editor`, "ann reads no sports: true", `ann reads "for all" by editor`, `ben reads "for all" by editor`,
		},
		"records": {
			"service/catalogue of shop is at 10.0.0.7:8080", "service/flash-sale of shop has ended", "still there: service/catalogue at 10.0.0.7:8080",
		},
		"metadata": {"joined: worker in eu with 0 bytes of notes (0 bytes before)", "updated: worker in us with 100000 bytes of notes (24 bytes before)"},
		"namespaces": {
			"dev sees 4", "dev/red sees 3", "dev/blue sees 2", "dev/red/ci sees 3",
			`in dev hears "for red only"`, `in dev/red/ci hears "for red only"`,
		},
		"tls": {"members: 2", "certificates renewed: 1", "stranger refused: true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, name).Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, line := range want {
				if !strings.Contains(string(out), line) {
					t.Errorf("%q is missing in:\n%s", line, out)
				}
			}
		})
	}
}

// hello is the newcomer's program, running.
type hello struct {
	*exec.Cmd
	lines *bufio.Scanner
}

func startHello(t *testing.T, args ...string) *hello {
	t.Helper()
	cmd := command(t, "hello", args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &hello{cmd, bufio.NewScanner(out)}
}

// await reads lines up to one that begins so, and returns its last word.
func (h *hello) await(t *testing.T, begin string) string {
	t.Helper()
	for h.lines.Scan() {
		if line := h.lines.Text(); strings.HasPrefix(line, begin) {
			return line[strings.LastIndexByte(line, ' ')+1:]
		}
	}
	t.Fatalf("%s ended without %q: %v", h.Args, begin, h.lines.Err())
	return ""
}

func TestHello(t *testing.T) {
	a := startHello(t, "-name", "a", "-bind", "127.0.0.1:0")
	b := startHello(t, "-name", "b", "-bind", "127.0.0.1:0", "-join", a.await(t, "joined a "))
	b.await(t, "joined a ")
	a.await(t, "joined b ")
	b.await(t, "a saw b")
	if runtime.GOOS == "windows" {
		return // no way to interrupt them there; the test's end kills them
	}
	if err := b.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	a.await(t, "left b ")
	if err := b.Wait(); err != nil {
		t.Errorf("b: %v", err)
	}
}
