package consensus

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// RecoverQuorumLoss gives a cluster whose majority is lost for good a new
// configuration. Run it, with every server stopped, on each server that is left
// and is to go on, each time with the same list; then start them. Usually it is
// run on one server, the one that was furthest, with nil for peers: that server
// alone. The others then get empty directories (see Forget) and join it.
//
// Everything in the log of this server counts as agreed, also what was not; what
// only the lost servers had is gone. The recovered cluster gets a new identity,
// so that lost servers that come back cannot disturb it.
//
// opts is as for Open; Stream is not used. fsm is used up: make a new one for
// Open. When it fails the directory is as before, except that a recovery that
// failed after its snapshot was written is completed by running it again.
func RecoverQuorumLoss(opts Options, fsm FSM, peers []Server) (err error) {
	opts = opts.withDefaults()
	if len(peers) == 0 {
		peers = []Server{{ID: opts.ID, Addr: opts.Advertise}}
	}
	if !slices.ContainsFunc(peers, func(s Server) bool { return s.ID == opts.ID }) {
		return fmt.Errorf("consensus: this server, %s, is not among those that are to go on", opts.ID)
	}
	if _, err := os.Stat(filepath.Join(opts.Dir, birthName)); err != nil {
		return fmt.Errorf("consensus: nothing to recover in %s: %w", opts.Dir, err)
	}
	dir, err := openDataDir(opts.Dir, opts.ID)
	if err != nil {
		return fmt.Errorf("consensus: %w", err)
	}
	defer func() { err = errors.Join(err, dir.close()) }()
	s, err := openStorage(opts, dir)
	if err != nil {
		return fmt.Errorf("consensus: %w", err)
	}
	defer func() { err = errors.Join(err, s.close()) }()
	conf := raft.Configuration{}
	for _, p := range peers {
		conf.Servers = append(conf.Servers, raft.Server{ID: raft.ServerID(p.ID), Address: engineAddr(p)})
	}
	m := newMachine(fsm)
	_, trans := raft.NewInmemTransport(raft.ServerAddress(opts.Advertise))
	if err := raft.RecoverCluster(engineConfig(opts, s.hlog), m, s.logs, s.stable, s.snaps, trans, conf); err != nil {
		return fmt.Errorf("consensus: recovering: %w", err)
	}
	if m.fault != nil {
		return fmt.Errorf("consensus: recovering: %w", m.fault)
	}
	return dir.certify(func(b *birth) error {
		b.Recovered++
		b.Cluster = recoveredID(b.Cluster, peers, b.Recovered)
		b.Founders = nil
		return nil
	})
}

// recoveredID is the identity of a cluster after a recovery: the same on every
// server that was recovered with the same list, and no other.
func recoveredID(old string, peers []Server, count int) string {
	h := sha256.New()
	ids := make([]string, len(peers))
	for i, p := range peers {
		ids[i] = p.ID
	}
	slices.Sort(ids)
	_, _ = h.Write([]byte(old + "\n" + strings.Join(ids, "\n"))) // a hash never fails
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(count)))
	var c clusterID
	copy(c[:], h.Sum(nil))
	return c.String()
}

// Forget makes a server new: its Raft directory and, when dataDir is not empty,
// its identity are set aside under a name with the time, and nothing is deleted.
// For a server that lost its log or that belongs to a cluster that was recovered
// without it. The others remove the old identity when it has been dead for
// Options.DeadAfter, or at once by RemoveServer.
func Forget(raftDir, dataDir string) (aside string, err error) {
	suffix := ".forgotten-" + time.Now().UTC().Format("20060102T150405Z")
	d, err := openLock(raftDir)
	if err != nil {
		return "", fmt.Errorf("consensus: %w", err)
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if dataDir != "" {
		id := filepath.Join(dataDir, identityFile)
		if err := os.Rename(id, id+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("consensus: setting the identity aside: %w", err)
		}
	}
	aside = filepath.Clean(raftDir) + suffix
	if err := os.Rename(raftDir, aside); err != nil {
		return "", fmt.Errorf("consensus: setting the log aside: %w", err)
	}
	return aside, syncDir(filepath.Dir(aside))
}

// openLock takes a directory without reading what is in it.
func openLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := lockFile(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
	}
	return f, nil
}
