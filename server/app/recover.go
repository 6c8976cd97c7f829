package app

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/registry"
)

// Recover gives the server of a data directory, which must not run, a cluster
// of its own, after the majority of its cluster was lost for good. It keeps all
// this server has in its log. The other servers that are left are to begin
// anew, see Forget, and join it.
func Recover(dir string, log *slog.Logger) error {
	d, err := openStopped(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only locked
	id, err := consensus.Identity(dir)
	if err != nil {
		return dirError(dir, err)
	}
	// Where the server is to be reached it says itself once it runs.
	o := consensus.Options{Dir: filepath.Join(dir, raftDir), ID: id, Advertise: "127.0.0.1:7848", Stream: noStream{}, Logger: log}
	return dirError(dir, consensus.RecoverQuorumLoss(o, registry.New(registry.Options{Self: id}), nil))
}

// Forget makes the server of a data directory, which must not run, a new one: it
// keeps nothing of what it was, and what it had lies beside it under the name
// that is returned.
func Forget(dir string) (aside string, err error) {
	d, err := openStopped(dir)
	if err != nil {
		return "", err
	}
	defer func() { _ = d.Close() }() // it was only locked
	aside, err = consensus.Forget(filepath.Join(dir, raftDir), dir)
	if err == nil {
		err = os.Rename(filepath.Join(dir, lifeFile), filepath.Join(aside, lifeFile))
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	return aside, dirError(dir, err)
}

// openStopped takes the directory of a server that does not run.
func openStopped(dir string) (*os.File, error) {
	if _, err := os.Stat(filepath.Join(dir, raftDir)); err != nil {
		return nil, dirError(dir, fmt.Errorf("no server has been here: %w", err))
	}
	f, err := consensus.Lock(dir)
	return f, dirError(dir, err)
}

// noStream is for what does not talk.
type noStream struct{ consensus.StreamLayer }

func (noStream) Close() error { return nil }
