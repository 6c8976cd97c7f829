package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/hashicorp/go-hclog"
	wal "github.com/hashicorp/raft-wal"
	walfs "github.com/hashicorp/raft-wal/fs"
	"github.com/hashicorp/raft-wal/metadb"
	"github.com/hashicorp/raft-wal/segment"
	"github.com/hashicorp/raft-wal/types"
)

// openWAL repairs what a crash may have left and opens the log.
func openWAL(dir string, segmentSize int, faults *diskFaults, errs *diskErrors, log hclog.Logger) (*wal.WAL, error) {
	if err := repairTail(dir); err != nil {
		return nil, fmt.Errorf("repairing the log: %w", err)
	}
	filer := &segmentFiler{Filer: segment.NewFiler(dir, walfs.New()), faults: faults, diskErrors: errs}
	w, err := wal.Open(dir, wal.WithSegmentSize(segmentSize), wal.WithSegmentFiler(filer), wal.WithLogger(log))
	if err != nil {
		return nil, fmt.Errorf("opening the log: %w", err)
	}
	return w, nil
}

// segmentFiler reports a log file that cannot be begun: raft-wal begins the
// next one in the background and only logs a failure, and the next append then
// fails with "segment is sealed", which tells an operator nothing.
type segmentFiler struct {
	*segment.Filer
	faults     *diskFaults
	diskErrors *diskErrors
}

// Create implements types.SegmentFiler.
func (f *segmentFiler) Create(info types.SegmentInfo) (types.SegmentWriter, error) {
	err := f.faults.check(opNewSegment)
	var w types.SegmentWriter
	if err == nil {
		w, err = f.Filer.Create(info)
	}
	if err != nil {
		err = fmt.Errorf("could not %s: %w", opNewSegment, err)
		f.diskErrors.note(err)
		return nil, err
	}
	return w, nil
}

// repairTail finishes the change to a new log file that a crash interrupted.
//
// raft-wal 0.4.1 closes a full file with an index ("sealed"), and then, in the
// background, notes that in its meta data and begins the next file. When the
// process dies between the two, or the disk is full, the log opens again but
// refuses every append with "segment is sealed", for ever. So what the
// background work would have noted is noted here.
func repairTail(dir string) (err error) {
	if _, err := os.Stat(filepath.Join(dir, metadb.FileName)); errors.Is(err, fs.ErrNotExist) {
		return nil // a new log
	}
	var db metadb.BoltMetaDB
	state, err := db.Load(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if len(state.Segments) == 0 {
		return nil
	}
	tail := &state.Segments[len(state.Segments)-1]
	if !tail.SealTime.IsZero() {
		return nil // no tail: raft-wal makes one
	}
	last, indexStart, whole, err := inspectTail(dir, *tail)
	if err != nil || indexStart == 0 {
		return err // not sealed: raft-wal handles it
	}
	if !whole {
		// The sealing itself was torn, and nothing in it was acknowledged:
		// without its index the file is an ordinary tail again.
		return eraseFrom(filepath.Join(dir, segment.FileName(*tail)), int64(indexStart)-8)
	}
	tail.SealTime, tail.MaxIndex, tail.IndexStart = time.Now(), last, indexStart
	next := types.SegmentInfo{
		ID: state.NextSegmentID, BaseIndex: last + 1, MinIndex: last + 1,
		SizeLimit: tail.SizeLimit, Codec: tail.Codec, CreateTime: time.Now(),
	}
	state.Segments = append(state.Segments, next)
	state.NextSegmentID++
	return db.CommitState(state)
}

// inspectTail says up to where the newest log file is good, where its index
// begins when it has one, and whether that index names every good entry.
func inspectTail(dir string, info types.SegmentInfo) (last, indexStart uint64, whole bool, err error) {
	w, err := segment.NewFiler(dir, walfs.New()).RecoverTail(info)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, 0, false, nil
	}
	if err != nil {
		return 0, 0, false, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	sealed, indexStart, err := w.Sealed()
	if err != nil || !sealed {
		return 0, 0, false, err
	}
	last = w.LastIndex()
	offsets, ok := w.(interface {
		OffsetForFrame(index uint64) (uint32, error)
	})
	if !ok {
		return 0, 0, false, errors.New("raft-wal is not the version this was written for")
	}
	if last < info.BaseIndex {
		return last, indexStart, false, nil
	}
	index, err := readIndex(filepath.Join(dir, segment.FileName(info)), int64(indexStart), int(last-info.BaseIndex)+1)
	if err != nil {
		return last, indexStart, false, nil // cut short
	}
	for i := max(info.BaseIndex, info.MinIndex); i <= last; i++ {
		if at, err := offsets.OffsetForFrame(i); err != nil || at != index[i-info.BaseIndex] {
			return last, indexStart, false, err
		}
	}
	return last, indexStart, true, nil
}
