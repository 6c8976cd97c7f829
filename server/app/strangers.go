package app

import (
	"errors"
	"fmt"
	"sync"

	"github.com/musterhq/muster"
)

var errOtherCluster = errors.New("a server of another cluster")

// vet refuses servers of another cluster: an address where once was a server of
// this one may have been given to one of another, and the two must not become
// one. A server that has no cluster yet is welcome.
func (s *Server) vet(m muster.Member) error {
	own := s.cluster.Load()
	if m.Name == s.id || own == nil || *own == "" {
		return nil
	}
	i, ok := infoOf(&m)
	if !ok || i.Cluster == "" || i.Cluster == *own {
		return nil
	}
	s.strangers.meet(s, m, i.Cluster)
	return fmt.Errorf("%w, %s: %s at %v", errOtherCluster, i.Cluster, m.Name, m.Addr)
}

func (s *Server) vetAll(all []muster.Member) error {
	for _, m := range all {
		if err := s.vet(m); err != nil {
			return err
		}
	}
	return nil
}

// strangers remembers the other clusters that were met. An operator who has
// told a server to join another cluster than the one of its directory learns it
// from this.
type strangers struct {
	mu   sync.Mutex
	met  map[string]bool // by cluster
	last string          // the hint for the one met last; "" if there was none
}

// maxStrangers bounds how many clusters are remembered, and logged.
const maxStrangers = 16

func (x *strangers) meet(s *Server, m muster.Member, cluster string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.met[cluster] || len(x.met) >= maxStrangers {
		return
	}
	if x.met == nil {
		x.met = make(map[string]bool)
	}
	x.met[cluster] = true
	own := *s.cluster.Load()
	x.last = fmt.Sprintf("%v belongs to cluster %s, and this directory to %s; to be in that one, begin anew with \"muster raft forget --data-dir %s\"",
		m.Addr, cluster, own, s.opts.DataDir)
	s.log.Warn("met a server of another cluster, and stays apart", "addr", m.Addr, "theirs", cluster, "ours", own, "hint", x.last)
}

// hint says what may be the matter with a server that finds none of its own.
func (x *strangers) hint() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.last
}
