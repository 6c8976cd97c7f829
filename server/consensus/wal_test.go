package consensus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/types"
)

// dyingMeta loses the process, as it were, before a new log file is noted.
type dyingMeta struct {
	metadb.BoltMetaDB
	dead bool
}

func (m *dyingMeta) CommitState(s types.PersistentState) error {
	if m.dead {
		return errors.New("killed")
	}
	return m.BoltMetaDB.CommitState(s)
}

// sealedLog makes a log whose newest file was closed and never followed by
// another, and returns its last index.
func sealedLog(t *testing.T, dir string) uint64 {
	t.Helper()
	meta := &dyingMeta{}
	w, err := wal.Open(dir, wal.WithMetaStore(meta), wal.WithSegmentSize(64<<10), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	meta.dead = true
	i := uint64(1)
	for ; ; i++ {
		if err := w.StoreLog(&raft.Log{Index: i, Term: 1, Data: fmt.Appendf(nil, "entry %d %0200d", i, i)}); err != nil {
			if !errors.Is(err, types.ErrSealed) {
				t.Fatal(err)
			}
			break
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return i - 1
}

func openTestWAL(t *testing.T, dir string) *wal.WAL {
	t.Helper()
	w, err := openWAL(dir, 64<<10, nil, &diskErrors{}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// checkEntries reads entries 1 to last and appends one more, twice as many times
// as fit into a file.
func checkEntries(t *testing.T, w *wal.WAL, last uint64) {
	t.Helper()
	if got, err := w.LastIndex(); err != nil || got != last {
		t.Fatalf("last index %d, %v; want %d", got, err, last)
	}
	for i := uint64(1); i <= last; i++ {
		var l raft.Log
		if err := w.GetLog(i, &l); err != nil || string(l.Data) != fmt.Sprintf("entry %d %0200d", i, i) {
			t.Fatalf("entry %d: %q, %v", i, l.Data, err)
		}
	}
	for i := last + 1; i < last+600; i++ {
		if err := w.StoreLog(&raft.Log{Index: i, Term: 1, Data: make([]byte, 200)}); err != nil {
			t.Fatalf("appending %d: %v", i, err)
		}
	}
}

// The log of a process that was killed while it began a new file takes appends
// again. raft-wal alone refuses them for ever, which this also shows.
func TestRepairSealedTail(t *testing.T) {
	dir := t.TempDir()
	last := sealedLog(t, dir)
	w, err := wal.Open(dir, wal.WithSegmentSize(64<<10), wal.WithLogger(hclog.NewNullLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.StoreLog(&raft.Log{Index: last + 1, Term: 1}); !errors.Is(err, types.ErrSealed) {
		t.Errorf("raft-wal handles it by now (%v): repairTail can go", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkEntries(t, openTestWAL(t, dir), last)
}

// When the last write itself, which closed the file, is torn, what it held is
// dropped like any torn write, and the file goes on as if it were not closed.
func TestRepairTornSeal(t *testing.T) {
	for name, tear := range map[string]func(b []byte, index int) []byte{
		"commit":    func(b []byte, index int) []byte { clear(b[len(b)-8:]); return b },
		"index":     func(b []byte, index int) []byte { clear(b[index+64:]); return b },
		"truncated": func(b []byte, index int) []byte { return b[:index+64] },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			last := sealedLog(t, dir)
			files, err := filepath.Glob(filepath.Join(dir, "*.wal"))
			if err != nil || len(files) != 1 {
				t.Fatal(files, err)
			}
			b, err := os.ReadFile(files[0])
			if err != nil {
				t.Fatal(err)
			}
			b, index := contents(t, b)
			if err := os.WriteFile(files[0], tear(b, index), 0o644); err != nil {
				t.Fatal(err)
			}
			checkEntries(t, openTestWAL(t, dir), last-1)
		})
	}
}

// contents returns a log file without the space behind its last frame, and where
// its index begins: frames are type(1) 0(3) length(4), the file begins with 32
// bytes of its own.
func contents(t *testing.T, b []byte) ([]byte, int) {
	t.Helper()
	index := 0
	at := 32
	for at+8 <= len(b) && b[at] != 0 {
		size := int(binary.LittleEndian.Uint32(b[at+4:]))
		switch b[at] {
		case 2:
			index = at
		case 3:
			size = 0
		}
		at += 8 + (size+7)/8*8
	}
	if index == 0 {
		t.Fatal("the file has no index")
	}
	return b[:at], index
}

// A disk without room for the next file: the log takes appends again when there
// is room, after a restart.
func TestRepairAfterFullDisk(t *testing.T) {
	dir := t.TempDir()
	faults := &diskFaults{}
	w, err := openWAL(dir, 64<<10, faults, &diskErrors{}, hclog.NewNullLogger())
	if err != nil {
		t.Fatal(err)
	}
	faults.set(opNewSegment, errors.New("no room"))
	i := uint64(1)
	for ; err == nil; i++ {
		err = w.StoreLog(&raft.Log{Index: i, Term: 1, Data: fmt.Appendf(nil, "entry %d %0200d", i, i)})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	checkEntries(t, openTestWAL(t, dir), i-2)
}
