package consensus

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The directory of a node:
//
//	LOCK        held by the process that uses the directory
//	birth.json  which cluster this server belongs to, and whether it has a log
//	mark        how far the log had been applied when last noted
//	vote        the term, and for whom this server voted in it
//	log/        the write-ahead log
//	snapshots/  the snapshots
//
// The log cannot tell by itself that it is missing, or that its end is: it
// opens empty, or shorter. birth.json and mark can.
const (
	lockName  = "LOCK"
	birthName = "birth.json"
	markName  = "mark"
	voteName  = "vote"
	logName   = "log"
)

// clusterID names a cluster from its birth on. The zero value is none.
type clusterID [16]byte

func (c clusterID) String() string { return hex.EncodeToString(c[:]) }

func parseClusterID(s string) (c clusterID, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(c) {
		return c, fmt.Errorf("%q is not a cluster identity", s)
	}
	copy(c[:], b)
	return c, nil
}

// birth is the certificate of a server.
type birth struct {
	Server  string    `json:"server"`
	Cluster string    `json:"cluster"`
	Since   time.Time `json:"since"`

	// HasLog is set, once and for all, when something has been written to the
	// log or a snapshot was received.
	HasLog bool `json:"has_log"`

	// Founders are to be the first configuration; set only by the server that
	// founds the cluster, so that it can finish after a crash.
	Founders []Server `json:"founders,omitempty"`

	// Recovered counts the recoveries from a lost majority.
	Recovered int `json:"recovered,omitempty"`
}

// dataDir is the directory in use.
type dataDir struct {
	path string
	lock *os.File

	mu      sync.Mutex
	birth   birth // Cluster is empty while the server has none
	cluster clusterID
	mark    *os.File
	marked  uint64
}

// openDataDir takes the directory, makes it when needed, and reads who it belongs to.
func openDataDir(path, id string) (_ *dataDir, err error) {
	if err := os.MkdirAll(filepath.Join(path, logName), 0o755); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	d := &dataDir{path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	if d.lock, err = os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o644); err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := lockFile(d.lock); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := d.readBirth(id); err != nil {
		return nil, err
	}
	return d, d.readMark()
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// readBirth reads the certificate and refuses that of another server.
func (d *dataDir) readBirth(id string) error {
	b, err := os.ReadFile(d.file(birthName))
	if errors.Is(err, fs.ErrNotExist) {
		d.birth.Server = id
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the certificate: %w", err)
	}
	if err := json.Unmarshal(b, &d.birth); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, d.file(birthName), err)
	}
	if d.birth.Server != id {
		return fmt.Errorf("%w: %s belongs to server %s, this is %s", ErrWrongDir, d.path, d.birth.Server, id)
	}
	if d.cluster, err = parseClusterID(d.birth.Cluster); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, d.file(birthName), err)
	}
	return nil
}

// certify changes the certificate and has it on disk when it returns. When the
// change fails, nothing is changed.
func (d *dataDir) certify(change func(*birth) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.birth
	if err := change(&next); err != nil {
		return err
	}
	cluster, err := parseClusterID(next.Cluster)
	if err != nil {
		return err
	}
	b, err := json.MarshalIndent(next, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFileSync(d.file(birthName), append(b, '\n')); err != nil {
		return fmt.Errorf("writing the certificate: %w", err)
	}
	d.birth, d.cluster = next, cluster
	return nil
}

// certificate returns a copy of what is certified, and the cluster it names.
func (d *dataDir) certificate() (birth, clusterID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.birth, d.cluster
}

// join makes this server a member of a cluster, when it has none.
func (d *dataDir) join(c clusterID, founders []Server) error {
	return d.certify(func(b *birth) error {
		switch b.Cluster {
		case c.String():
		case "":
			b.Cluster, b.Since, b.Founders = c.String(), time.Now().UTC(), founders
		default:
			return fmt.Errorf("%w: %v, this is %s", ErrOtherCluster, c, b.Cluster)
		}
		return nil
	})
}

// A mark is the index and its checksum. It is written in place about once a
// second without waiting for the disk, so it may be a little old: it is a lower
// bound, which is what is needed.
const markSize = 12

func (d *dataDir) readMark() (err error) {
	if d.mark, err = os.OpenFile(d.file(markName), os.O_CREATE|os.O_RDWR, 0o644); err != nil {
		return fmt.Errorf("opening the mark: %w", err)
	}
	var b [markSize]byte
	n, err := d.mark.ReadAt(b[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading the mark: %w", err)
	}
	// A torn mark is none: it was being written when the power went.
	if n == markSize && crc32.Checksum(b[:8], castagnoli) == binary.BigEndian.Uint32(b[8:]) {
		d.marked = binary.BigEndian.Uint64(b[:])
	}
	return nil
}

// setMark notes that everything up to index is in the log and applied.
func (d *dataDir) setMark(index uint64, sync bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if index > d.marked {
		b := binary.BigEndian.AppendUint64(nil, index)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
		if _, err := d.mark.WriteAt(b, 0); err != nil {
			return fmt.Errorf("writing the mark: %w", err)
		}
		d.marked = index
	}
	if sync {
		return d.mark.Sync()
	}
	return nil
}

// close gives the directory to others.
func (d *dataDir) close() error {
	var errs []error
	for _, f := range []*os.File{d.mark, d.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
