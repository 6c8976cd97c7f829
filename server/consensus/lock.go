package consensus

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Lock takes a directory, which must exist, for this process: until the file is
// closed or the process ends. [ErrLocked] says that another one has it.
func Lock(dir string) (*os.File, error) { return openLock(dir) }

// ClusterIn returns the identity of the cluster that the server with this Raft
// directory belongs to, "" if it has none yet. Nothing is opened.
func ClusterIn(dir string) (string, error) {
	b, err := os.ReadFile(filepath.Join(dir, birthName))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	var cert birth
	if err == nil {
		err = json.Unmarshal(b, &cert)
	}
	if err != nil {
		return "", fmt.Errorf("consensus: reading the certificate: %w", err)
	}
	return cert.Cluster, nil
}
