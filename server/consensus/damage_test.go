package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// aloneWith makes the directory of a lone server with n commands in its log and
// closes it.
func aloneWith(t *testing.T, n int) *testCluster {
	t.Helper()
	c := newCluster(t, []string{"a"}, func(_ string, o *Options) { o.SegmentSize = 64 << 10 })
	a := c.start("a")
	c.waitReady("a")
	for i := range n {
		a.must(t, fmt.Sprintf("set k%d %s", i, strings.Repeat("v", 200)))
	}
	c.stop("a")
	return c
}

// segments are the files of a node's log, oldest first.
func segments(t *testing.T, c *testCluster, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.path(name), logName, "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log files: %v", err)
	}
	return files
}

// damage changes a file.
func damage(t *testing.T, path string, f func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o644); err != nil {
		t.Fatal(err)
	}
}

func flip(at, bit int) func([]byte) []byte {
	return func(b []byte) []byte {
		b[at] ^= 1 << bit
		return b
	}
}

func wantErr(t *testing.T, c *testCluster, name string, want error, text string) {
	t.Helper()
	_, err := c.open(name)
	if !errors.Is(err, want) || !strings.Contains(err.Error(), text) {
		t.Errorf("opens with %v; want %v and %q", err, want, text)
	}
	if err == nil {
		c.crash(name)
	}
}

func TestDirectoryOfAnother(t *testing.T) {
	noLeaks(t)
	c := aloneWith(t, 3)
	o, _ := c.options("a", "127.0.0.1:0")
	o.ID = "b"
	if _, err := Open(o, newKV()); !errors.Is(err, ErrWrongDir) || !strings.Contains(err.Error(), "belongs to server a, this is b") {
		t.Errorf("another server: %v", err)
	}
	c.start("a")
	o, _ = c.options("a", "127.0.0.1:0")
	if _, err := Open(o, newKV()); !errors.Is(err, ErrLocked) {
		t.Errorf("another process: %v", err)
	}
}

func TestLogGone(t *testing.T) {
	for name, harm := range map[string]func(dir string) error{
		"log":         func(dir string) error { return os.RemoveAll(filepath.Join(dir, logName)) },
		"vote":        func(dir string) error { return os.Remove(filepath.Join(dir, voteName)) },
		"certificate": func(dir string) error { return os.Remove(filepath.Join(dir, birthName)) },
	} {
		t.Run(name, func(t *testing.T) {
			c := aloneWith(t, 3)
			if err := harm(c.path("a")); err != nil {
				t.Fatal(err)
			}
			wantErr(t, c, "a", ErrLogLost, "")
		})
	}
}

// A bit that changed in the middle of the log is noticed, although the log does
// not.
func TestBitFlipInTheMiddle(t *testing.T) {
	c := aloneWith(t, 100)
	damage(t, segments(t, c, "a")[0], func(b []byte) []byte {
		return flip(bytes.Index(b, []byte("set k50 "))+20, 3)(b)
	})
	wantErr(t, c, "a", ErrCorrupt, "on disk has checksum")
}

// The log drops its last write when a bit of it changed: the server had applied
// it and says so.
func TestBitFlipAtTheEnd(t *testing.T) {
	c := aloneWith(t, 100)
	damage(t, segments(t, c, "a")[0], func(b []byte) []byte {
		return flip(bytes.Index(b, []byte("set k99 "))+20, 3)(b)
	})
	wantErr(t, c, "a", ErrLogLost, "had applied entry")
}

func TestTruncatedLog(t *testing.T) {
	c := aloneWith(t, 100)
	damage(t, segments(t, c, "a")[0], func(b []byte) []byte {
		return b[:bytes.Index(b, []byte("set k50 "))+20]
	})
	wantErr(t, c, "a", ErrLogLost, "had applied entry")
}

// Whatever single bit changes in the log of a closed server: it opens with the
// whole state, or it does not open.
func TestAnyBitFlip(t *testing.T) {
	c := aloneWith(t, 300) // several files
	want := newKV()
	a := c.start("a")
	c.waitReady("a")
	want.data = a.fsm.state().Data
	c.stop("a")
	keep := t.TempDir()
	if err := os.CopyFS(keep, os.DirFS(c.path("a"))); err != nil {
		t.Fatal(err)
	}
	files := segments(t, c, "a")
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	opened, refused := 0, 0
	for range long("MUSTER_FLIPS", 30) {
		file := files[rng.IntN(len(files))]
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		at, bit := rng.IntN(int(info.Size())), rng.IntN(8)
		damage(t, file, flip(at, bit))
		n, err := c.open("a")
		what := fmt.Sprintf("seed %d: bit %d of byte %d of %s", seed, bit, at, filepath.Base(file))
		switch {
		case errors.Is(err, ErrCorrupt), errors.Is(err, ErrLogLost), errors.Is(err, ErrDisk):
			refused++
		case err != nil:
			t.Errorf("%s: %v", what, err)
		default:
			opened++
			c.waitReady("a")
			if got := n.fsm.state().Data; fmt.Sprint(got) != fmt.Sprint(want.data) {
				t.Errorf("%s: opened with %d keys, or other values", what, len(got))
			}
			c.stop("a")
		}
		if err := os.RemoveAll(c.path("a")); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(c.path("a"), os.DirFS(keep)); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d opened whole, %d refused", opened, refused)
}

// A follower that lags is sent entries from the leader's disk. When one of them
// is damaged, the leader stops and says so, and nobody gets the damaged entry.
func TestBitFlipWhileRunning(t *testing.T) {
	noLeaks(t)
	c := newCluster(t, three, nil).startAll()
	leader, followers := c.leader(), c.followers()
	c.crash(followers[0])
	for i := range cachedEntries * 2 {
		c.node(leader).must(t, fmt.Sprintf("set k%d v", i))
	}
	damage(t, segments(t, c, leader)[0], func(b []byte) []byte {
		return flip(bytes.Index(b, []byte("set k9 "))+4, 0)(b)
	})
	c.start(followers[0])
	select {
	case <-c.node(leader).Stopped():
	case <-time.After(10 * time.Second):
		t.Fatal("the leader goes on")
	}
	if err := c.node(leader).Err(); !errors.Is(err, ErrStopped) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("stopped with %v", err)
	}
	if _, err := c.node(leader).Propose(t.Context(), []byte("set k v")); !errors.Is(err, ErrNotProposed) || !errors.Is(err, ErrCorrupt) {
		t.Errorf("proposal at the stopped server: %v", err)
	}
	if c.node(leader).Ready() == nil {
		t.Error("the stopped server is ready")
	}
	c.node(followers[1]).must(t, "set k v")
	c.waitReady(followers...)
	if got := c.node(followers[0]).fsm.get("k9"); got != "v" {
		t.Errorf("k9 is %q", got)
	}
	if c.node(leader).Status().Fault == "" {
		t.Error("no fault in the status")
	}
}
