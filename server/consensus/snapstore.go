package consensus

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// keepSnapshots is how many snapshots stay: when the newest is damaged, the one
// before it and the log behind it still make the whole state.
const keepSnapshots = 2

// snapStore is the engine's store of snapshot files, plus what Status and the
// snapshot's own header want to know.
type snapStore struct {
	*raft.FileSnapshotStore
	faults     *diskFaults
	taken      atomic.Uint64
	newest     atomic.Uint64 // index
	diskErrors *diskErrors
	written    func() // a snapshot is complete
}

// openSnapStore opens the store and removes what a crash left half written.
func openSnapStore(dir string, faults *diskFaults, errs *diskErrors, log hclog.Logger) (*snapStore, error) {
	files, err := raft.NewFileSnapshotStoreWithLogger(dir, keepSnapshots, log)
	if err != nil {
		return nil, fmt.Errorf("opening the snapshots: %w", err)
	}
	entries, err := os.ReadDir(filepath.Join(dir, "snapshots"))
	if err != nil {
		return nil, fmt.Errorf("listing the snapshots: %w", err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".tmp") {
			if err := os.RemoveAll(filepath.Join(dir, "snapshots", e.Name())); err != nil {
				return nil, fmt.Errorf("removing half a snapshot: %w", err)
			}
		}
	}
	return &snapStore{FileSnapshotStore: files, faults: faults, diskErrors: errs}, nil
}

// Create implements raft.SnapshotStore.
func (s *snapStore) Create(version raft.SnapshotVersion, index, term uint64, conf raft.Configuration,
	confIndex uint64, trans raft.Transport) (raft.SnapshotSink, error) {
	err := s.faults.check(opNewSnapshot)
	var sink raft.SnapshotSink
	if err == nil {
		sink, err = s.FileSnapshotStore.Create(version, index, term, conf, confIndex, trans)
	}
	if err != nil {
		s.diskErrors.note(err)
		return nil, err
	}
	return &snapSink{SnapshotSink: sink, store: s, at: index}, nil
}

// snapSink knows its index and reports what goes wrong.
type snapSink struct {
	raft.SnapshotSink
	store *snapStore
	at    uint64
}

func (s *snapSink) index() uint64 { return s.at }

// Write implements io.Writer.
func (s *snapSink) Write(b []byte) (int, error) {
	n, err := s.SnapshotSink.Write(b)
	s.store.diskErrors.note(err)
	return n, err
}

// Close implements io.Closer: the snapshot counts from here on.
func (s *snapSink) Close() error {
	err := s.SnapshotSink.Close()
	s.store.diskErrors.note(err)
	if err == nil {
		s.store.taken.Add(1)
		s.store.newest.Store(s.at)
		s.store.written()
	}
	return err
}
