package e2e

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// idle makes servers that are not started.
func idle(t *testing.T, size int) *proc.Cluster {
	t.Helper()
	if testing.Short() {
		t.Skip("takes its time")
	}
	bin, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	c, err := proc.NewCluster(bin, t.TempDir(), size, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// refuses starts a server that cannot start, and checks how it says so: with
// exit code 1, one line, and a hint that has those words.
func refuses(t *testing.T, s *proc.Server, words ...string) {
	t.Helper()
	if err := os.Remove(s.LogFile()); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	code, err := s.Wait(within(t, 20*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "muster: ") || strings.HasPrefix(line, "hint: ") {
			said = append(said, line)
		}
	}
	text := strings.Join(said, "")
	t.Logf("it says:\n%s", text)
	if code != 1 || len(said) != 2 {
		t.Errorf("it ended with %d, saying\n%s", code, b)
	}
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("it does not say %q:\n%s", w, text)
		}
	}
}

func startUp(t *testing.T, s *proc.Server) {
	t.Helper()
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	if err := s.AwaitReadyz(within(t, 30*time.Second)); err != nil {
		t.Fatal(err)
	}
}

// fill writes persistent instances and returns how many were acknowledged.
func fill(t *testing.T, s *proc.Server, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		if body, status, err := s.Do(within(t, 10*time.Second), http.MethodPost, register("kept", i)); err != nil || status != http.StatusOK {
			t.Fatalf("%s: %d %s %v", s.Name, status, body, err)
		}
	}
}

func TestPortInUse(t *testing.T) {
	c := idle(t, 1)
	s := c.Servers[0]
	for port, flag := range map[int]string{s.HTTP: "--http-port", s.GRPC: "--grpc-port", s.Raft: "--raft-port", s.Gossip: "--gossip-port"} {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Fatal(err)
		}
		refuses(t, s, fmt.Sprintf("127.0.0.1:%d is already in use", port), flag)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	startUp(t, s) // nothing is left of the attempts
}

func TestWrongDirectory(t *testing.T) {
	c := idle(t, 2)
	s, other := c.Servers[0], c.Servers[1]
	s.Join()
	startUp(t, s)
	fill(t, s, 0, 3)
	write := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(other.DataDir())
	refuses(t, other, other.DataDir(), "--data-dir is a directory")
	if err := os.Remove(other.DataDir()); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(s.DataDir(), other.DataDir()); err != nil {
		t.Fatal(err)
	}
	refuses(t, other, "in use by another process", "its own --data-dir")
	if err := os.Remove(other.DataDir()); err != nil {
		t.Fatal(err)
	}
	// The log of one server below the name of another.
	if err := os.CopyFS(filepath.Join(other.DataDir(), "raft"), os.DirFS(filepath.Join(s.DataDir(), "raft"))); err != nil {
		t.Fatal(err)
	}
	refuses(t, other, "belongs to another server", "put back what belongs together")
	lists(t, s, 3)
}

// segments are the files of a server's log, the oldest first.
func segments(t *testing.T, s *proc.Server) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.DataDir(), "raft", "log", "*.wal"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no log: %v", err)
	}
	slices.Sort(files)
	return files
}

// spoil changes a file and returns what puts it back.
func spoil(t *testing.T, path string, f func([]byte) []byte) (restore func()) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, f(slices.Clone(before)), 0o644); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := os.WriteFile(path, before, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// used is where what was written to a log file ends: the rest is zeros.
func used(b []byte) int {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return n
}

// A log that was torn while it was written is what it was before that write. One
// that lacks what the server had, or has other bytes, is refused as long as it is
// so.
func TestDamagedLog(t *testing.T) {
	c := idle(t, 1)
	s := c.Servers[0]
	startUp(t, s)
	const n = 200
	fill(t, s, 0, n)
	time.Sleep(1500 * time.Millisecond) // the mark of how far the log was applied is written about once a second
	s.Kill()
	file := segments(t, s)[len(segments(t, s))-1]

	restore := spoil(t, file, func(b []byte) []byte { return b[:used(b)/2] })
	refuses(t, s, "muster raft forget --data-dir")
	restore()
	restore = spoil(t, file, func(b []byte) []byte {
		clear(b[used(b)/2:])
		return b
	})
	refuses(t, s, "muster raft forget --data-dir")
	restore()
	restore = spoil(t, file, func(b []byte) []byte {
		at := bytes.Index(b, []byte("10.4.0.100"))
		if at < 0 {
			t.Fatal("the log does not hold what was written")
		}
		b[at] ^= 0x10
		return b
	})
	refuses(t, s, "muster raft forget --data-dir")
	restore()

	// The first half of an entry that nobody waited for.
	spoil(t, file, func(b []byte) []byte {
		end := (used(b) + 7) &^ 7
		copy(b[end:], []byte{1, 0, 0, 0, 200, 0, 0, 0, 'h', 'a', 'l', 'f'})
		return b
	})
	startUp(t, s)
	lists(t, s, n)
	fill(t, s, n, 10)
	s.Kill()
	startUp(t, s)
	lists(t, s, n+10)
}

// In a cluster a server whose log is lost begins anew from the others.
func TestDamagedLogInACluster(t *testing.T) {
	c := servers(t, 3)
	ctx := within(t, time.Minute)
	fill(t, c.Servers[0], 0, 100)
	s := c.Servers[1]
	lists(t, s, 100)
	time.Sleep(1500 * time.Millisecond) // as above
	s.Kill()
	fill(t, c.Servers[0], 100, 50)
	for _, f := range segments(t, s) {
		if err := os.Truncate(f, 64); err != nil {
			t.Fatal(err)
		}
	}
	refuses(t, s, "muster raft forget --data-dir")
	if err := s.Muster(ctx, "raft", "forget", "--data-dir", s.DataDir()); err != nil {
		t.Fatal(err)
	}
	startUp(t, s)
	lists(t, s, 150)
}

// A server that is told to end takes no longer than it was given, though a client
// does not go; a second signal ends it at once.
func TestSignals(t *testing.T) {
	c := servers(t, 3)
	f := sail(t, c, 3, 3) // the taps stay where they are
	for i, twice := range []bool{false, true} {
		s := c.Servers[i]
		begin := time.Now()
		if twice {
			time.AfterFunc(500*time.Millisecond, func() { _ = s.Signal(syscall.SIGTERM) }) // it is there, or the test fails below
		}
		code, err := s.Stop(within(t, 20*time.Second))
		took := time.Since(begin)
		f.Note("%s has ended after %v with %d, a second signal: %t", s.Name, took.Round(time.Millisecond), code, twice)
		want, most := 0, 8*time.Second
		if twice {
			want, most = 1, 2*time.Second
		}
		if err != nil || code != want || took > most {
			t.Errorf("%s: code %d after %v, %v", s.Name, code, took, err)
		}
		startUp(t, s)
		agree(t, f, 15*time.Second)
	}
	flawless(t, f, glimpse)
}
