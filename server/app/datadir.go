package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/musterhq/muster/server/consensus"
)

// The data directory of a server:
//
//	LOCK        held by the process that uses the directory
//	server-id   who the server is
//	life        how often it has begun, how late its clock was, and whether it ended
//	            with nobody to come back
//	peers       where the other servers were when they were last seen
//	raft/       what the servers have agreed on, see package consensus
type dataDir struct {
	path  string
	lock  *os.File
	id    string
	life  uint64
	fresh bool // there was no life before this one, or nobody is to come back from it

	mu    sync.Mutex
	clock uint64 // of registrations, as last noted
	idle  bool   // nobody will be to come back from this life
}

const (
	lifeFile = "life"
	raftDir  = "raft"
	idleWord = "idle"
)

// A DataDirError says that the data directory is of no use. Nothing in it was
// changed, other than that it may have been made.
type DataDirError struct {
	Path string
	Err  error
}

func (e *DataDirError) Error() string { return fmt.Sprintf("data directory %s: %v", e.Path, e.Err) }

func (e *DataDirError) Unwrap() error { return e.Err }

// Hint says what to try next.
func (e *DataDirError) Hint() string {
	switch {
	case errors.Is(e.Err, consensus.ErrLocked):
		return "another server runs on it; give this one its own --data-dir"
	case errors.Is(e.Err, syscall.ENOSPC), errors.Is(e.Err, syscall.EDQUOT):
		return "the disk is full; nothing that was acknowledged is lost, make room and start again"
	case errors.Is(e.Err, fs.ErrPermission), errors.Is(e.Err, syscall.EROFS):
		return "--data-dir must be a directory that this user may write to"
	case errors.Is(e.Err, syscall.ENOTDIR), errors.Is(e.Err, fs.ErrExist):
		return "--data-dir is a directory"
	case errors.Is(e.Err, consensus.ErrWrongDir):
		return "its parts come from different servers: put back what belongs together, or start this server on an empty directory"
	case errors.Is(e.Err, consensus.ErrLogLost):
		return `if other servers of the cluster live, let this one begin anew with "muster raft forget --data-dir DIR"`
	case errors.Is(e.Err, consensus.ErrCorrupt):
		return `the disk gave back what was not written; if other servers of the cluster live, let this one begin anew with "muster raft forget --data-dir DIR"`
	}
	return ""
}

func dirError(path string, err error) error {
	if err == nil {
		return nil
	}
	return &DataDirError{path, err}
}

// openDataDir takes the directory and begins the server's next life.
func openDataDir(path string) (d *dataDir, err error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, dirError(path, err)
	}
	d = &dataDir{path: path}
	if d.lock, err = consensus.Lock(path); err != nil {
		return nil, dirError(path, err)
	}
	if d.id, err = consensus.Identity(path); err == nil {
		err = d.begin()
	}
	if err != nil {
		return nil, dirError(path, errors.Join(err, d.lock.Close()))
	}
	return d, nil
}

// begin counts the life. Should the file be lost, the time is more than any
// count before it.
func (d *dataDir) begin() error {
	b, err := os.ReadFile(d.file(lifeFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		_, err := os.Stat(d.file(raftDir))
		d.fresh = errors.Is(err, fs.ErrNotExist)
	case err != nil:
		return err
	default:
		before, rest, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
		clock, end, _ := strings.Cut(rest, " ")
		d.fresh = end == idleWord
		if d.life, err = strconv.ParseUint(before, 10, 62); err == nil {
			d.clock, err = strconv.ParseUint(clock, 10, 63)
		}
		if err != nil {
			d.life, d.clock, d.fresh = 0, 0, false // torn: nobody waited for the disk
		}
	}
	d.life = max(d.life+1, uint64(time.Now().UnixMilli()))
	return d.note(d.clock, true)
}

// note writes how late the clock is, and with sync has it on disk.
func (d *dataDir) note(clock uint64, sync bool) (err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock = max(d.clock, clock)
	tmp := d.file(lifeFile + ".tmp")
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("%d %d", d.life, d.clock)
	if d.idle {
		text += " " + idleWord
	}
	_, err = fmt.Fprintln(f, text)
	if err == nil && sync {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, d.file(lifeFile))
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// end notes if nobody is to come back from this life, and gives the directory
// back.
func (d *dataDir) end(idle bool) (err error) {
	if idle {
		d.mu.Lock()
		d.idle = true
		d.mu.Unlock()
		err = d.note(0, false)
	}
	return errors.Join(err, d.close())
}

func (d *dataDir) close() error { return d.lock.Close() }
