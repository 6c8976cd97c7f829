package consensus

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// storage is all that a node has on disk, behind the checks of this package.
type storage struct {
	wal    *wal.WAL
	votes  *voteFile
	logs   *logStore
	stable *stableStore
	snaps  *snapStore
	hlog   hclog.Logger
}

// openStorage opens and verifies what is in the directory. A log that is damaged,
// or has less than it had, does not open.
func openStorage(opts Options, dir *dataDir) (_ *storage, err error) {
	s := &storage{logs: &logStore{faults: opts.faults}, hlog: engineLogger(opts.Logger)}
	s.logs.fail = func(error) {}
	s.wal, err = openWAL(dir.file(logName), opts.SegmentSize, opts.faults, &s.logs.diskErrors, s.hlog)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisk, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.votes, err = openVoteFile(dir.file(voteName)); err != nil {
		return nil, fmt.Errorf("%w: opening the term: %w", ErrDisk, err)
	}
	s.logs.LogStore = s.wal
	s.logs.first = func() error { return certifyLog(dir) }
	s.stable = &stableStore{
		StableStore: s.votes, faults: opts.faults, logs: s.logs,
	}
	if s.snaps, err = openSnapStore(dir.path, opts.faults, &s.logs.diskErrors, s.hlog); err != nil {
		return nil, err
	}
	s.snaps.written = func() {
		s.logs.appended.Store(0)
		s.logs.entries.Store(0)
	}
	if err := s.logs.verify(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir.path, logName), err)
	}
	return s, s.checkLost(dir)
}

// close closes the files.
func (s *storage) close() error {
	err := s.wal.Close()
	if s.votes != nil {
		err = errors.Join(err, s.votes.close())
	}
	return err
}

// certifyLog notes, before the first entry counts, that this server has a log.
func certifyLog(dir *dataDir) error {
	b, cluster := dir.certificate()
	if b.HasLog {
		return nil
	}
	if cluster == (clusterID{}) {
		return errors.New("an entry for a server that has no cluster")
	}
	return dir.certify(hasLog)
}

// hasLog notes that there is a log, once and for all.
func hasLog(b *birth) error {
	b.HasLog = true
	return nil
}

// checkLost compares the log with what the directory says about it.
func (s *storage) checkLost(dir *dataDir) error {
	last, err := s.wal.LastIndex()
	if err != nil {
		return err
	}
	first, err := s.wal.FirstIndex()
	if err != nil {
		return err
	}
	snaps, err := s.snaps.List()
	if err != nil {
		return err
	}
	var snap uint64
	if len(snaps) > 0 {
		snap = snaps[0].Index
		s.snaps.newest.Store(snap)
	}
	var newest raft.Log
	if last > 0 {
		if err := s.logs.get(last, &newest); err != nil {
			return err
		}
	}
	term := newest.Term
	if len(snaps) > 0 {
		term = max(term, snaps[0].Term)
	}
	b, cluster := dir.certificate()
	switch has := last > 0 || snap > 0; {
	case has && cluster == (clusterID{}):
		return fmt.Errorf("%w: %s has a log, but its certificate %s is gone", ErrLogLost, dir.path, birthName)
	case b.HasLog && !has:
		return fmt.Errorf("%w: %s belongs to a member of cluster %v, and its log is empty; "+
			"start this server as a new one (forget its directory) and let the others bring it up to date", ErrLogLost, dir.path, cluster)
	case max(last, snap) < dir.marked:
		return fmt.Errorf("%w: %s had applied entry %d and has only %d; its end is damaged or from an older copy; "+
			"start this server as a new one (forget its directory) and let the others bring it up to date", ErrLogLost, dir.path, dir.marked, max(last, snap))
	case last > 0 && first > snap+1:
		return fmt.Errorf("%w: %s begins at entry %d, and the newest snapshot ends at %d", ErrLogLost, dir.path, first, snap)
	case term > s.votes.kept.term:
		return fmt.Errorf("%w: %s has entries of term %d and remembers term %d: %s is gone or damaged, and with it for whom this server has voted",
			ErrLogLost, dir.path, term, s.votes.kept.term, voteName)
	case has && !b.HasLog:
		return dir.certify(hasLog)
	}
	return nil
}

// engineConfig is how the engine is set up.
func engineConfig(opts Options, log hclog.Logger) *raft.Config {
	c := raft.DefaultConfig()
	c.LocalID = raft.ServerID(opts.ID)
	c.HeartbeatTimeout = opts.Heartbeat
	c.ElectionTimeout = opts.Heartbeat
	c.LeaderLeaseTimeout = opts.Lease
	c.CommitTimeout = opts.CommitTimeout
	c.MaxAppendEntries = 64 // an entry is up to maxBatchCommands commands
	c.SnapshotThreshold = opts.SnapshotEntries
	c.SnapshotInterval = opts.SnapshotInterval
	c.TrailingLogs = opts.TrailingEntries
	c.ShutdownOnRemove = false // a removed server waits to be taken in again
	c.NoLegacyTelemetry = true
	c.Logger = log
	return c
}
