package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// diskSize holds a log of two files, and not three.
const diskSize = 40 << 20

// smallDisk puts a server's directory on a disk of its own.
func smallDisk(t *testing.T, s *proc.Server) {
	t.Helper()
	if err := os.MkdirAll(s.DataDir(), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", s.DataDir(), "tmpfs", 0, fmt.Sprintf("size=%d", diskSize)); err != nil {
		t.Skipf("no disk can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		s.Kill()
		if err := syscall.Unmount(s.DataDir(), syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// fillDisk leaves no room on a server's disk, until free is called.
func fillDisk(t *testing.T, s *proc.Server) (free func()) {
	t.Helper()
	path := filepath.Join(s.DataDir(), "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	if !strings.Contains(err.Error(), syscall.ENOSPC.Error()) {
		t.Fatal(err)
	}
	_ = f.Close() // it is full
	return func() {
		t.Helper()
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

// metric returns a server's counter.
func metric(t *testing.T, s *proc.Server, name string) string {
	t.Helper()
	body, _, err := s.Get(within(t, 5*time.Second), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(body) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("%s has no metric %s", s.Name, name)
	return ""
}

// registered is how many instances the tests of a full disk write, again and
// again: a multiple of the number of clients, so that each is one client's.
const registered = 2000

// writeUntilFull has clients write large instances until the server says that its
// disk has failed it, and returns which writes were acknowledged.
func writeUntilFull(t *testing.T, at, full *proc.Server) (acked []int) {
	t.Helper()
	pad := strings.Repeat("x", 900)
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	defer stop()
	var mu sync.Mutex
	var clients sync.WaitGroup
	for id := range writers {
		clients.Go(func() {
			for i := id; ctx.Err() == nil; i += writers {
				path := register("kept", i%registered) + "&metadata=" + fmt.Sprintf("n%%3D%d,pad%%3D%s", i, pad)
				if _, status, err := at.Do(ctx, http.MethodPost, path); err == nil && status == http.StatusOK {
					mu.Lock()
					acked = append(acked, i)
					mu.Unlock()
				}
			}
		})
	}
	noticed := false
	for ctx.Err() == nil && !noticed {
		body, status, err := full.Get(ctx, "/readyz")
		noticed = err == nil && status != http.StatusOK && strings.Contains(body, "disk")
		time.Sleep(20 * time.Millisecond) // between looks
	}
	stop()
	clients.Wait()
	if !noticed {
		t.Fatalf("%s does not notice that its disk is full", full.Name)
	}
	return acked
}

// holds checks that the last acknowledged write of each instance is there.
func holds(t *testing.T, s *proc.Server, acked []int) {
	t.Helper()
	last := make(map[int]int)
	for _, i := range acked {
		last[i%registered] = max(last[i%registered], i)
	}
	var list struct {
		Hosts []struct {
			IP       string
			Metadata struct{ N string }
		}
	}
	if _, err := get(within(t, 10*time.Second), s, "/nacos/v1/ns/instance/list?linearizable=true&serviceName=kept", &list); err != nil {
		t.Fatal(err)
	}
	have := make(map[string]string)
	for _, h := range list.Hosts {
		have[h.IP] = h.Metadata.N
	}
	lost := 0
	for i, n := range last {
		var seen int
		if _, err := fmt.Sscan(have[fmt.Sprintf("10.4.%d.%d", i/250, i%250)], &seen); err != nil || seen < n {
			lost++ // a later one, of unknown outcome, may be there instead
		}
	}
	if lost > 0 {
		t.Errorf("%s has lost %d of %d", s.Name, lost, len(last))
	}
}

// A server whose disk is full acknowledges nothing, says so, and has lost nothing
// when there is room again. Alone it refuses; in a cluster the others go on.
func TestFullDisk(t *testing.T) {
	t.Run("alone", func(t *testing.T) {
		c := idle(t, 1)
		s := c.Servers[0]
		smallDisk(t, s)
		startUp(t, s)
		free := fillDisk(t, s)
		acked := writeUntilFull(t, s, s)
		mourns(t, s)
		if body, status, err := s.Do(within(t, 15*time.Second), http.MethodPost, register("kept", 1)); err != nil || status == http.StatusOK {
			t.Errorf("a write was acknowledged: %d %s %v", status, body, err)
		}
		s.Kill()
		refuses(t, s, "the disk is full")
		free()
		startUp(t, s)
		t.Logf("%d writes were acknowledged", len(acked))
		holds(t, s, acked)
	})
	t.Run("one of three", func(t *testing.T) {
		c := idle(t, 3)
		s := c.Servers[1]
		smallDisk(t, s)
		if err := c.Start(within(t, 30*time.Second)); err != nil {
			t.Fatal(err)
		}
		free := fillDisk(t, s)
		acked := writeUntilFull(t, c.Servers[0], s)
		mourns(t, s)
		if body, status, err := c.Servers[2].Do(within(t, 15*time.Second), http.MethodPost, register("kept", registered-1)+"&metadata=n%3D99999"); err != nil || status != http.StatusOK {
			t.Errorf("the others do not go on: %d %s %v", status, body, err)
		}
		acked = append(acked, 99_999)
		s.Kill()
		free()
		startUp(t, s)
		t.Logf("%d writes were acknowledged", len(acked))
		for _, x := range c.Servers {
			holds(t, x, acked)
		}
	})
}

// mourns checks that a server tells of its disk where operators look.
func mourns(t *testing.T, s *proc.Server) {
	t.Helper()
	body, status, err := s.Get(within(t, 5*time.Second), "/readyz")
	if err != nil || status != http.StatusServiceUnavailable || !strings.Contains(body, "disk") {
		t.Errorf("/readyz is %d %q, %v", status, body, err)
	}
	t.Logf("%s says: %s", s.Name, body)
	if v := metric(t, s, "muster_raft_faulty"); v != "1" {
		t.Errorf("muster_raft_faulty is %s", v)
	}
	if v := metric(t, s, "muster_raft_disk_errors_total"); v == "0" {
		t.Error("no disk error was counted")
	}
	if _, status, err := s.Get(within(t, 5*time.Second), "/livez"); err != nil || status != http.StatusOK {
		t.Errorf("/livez is %d, %v", status, err)
	}
}
