package consensus

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// promise answers a founder.
func (n *Node) promise(from string, q founding) reply {
	_, mine := n.dir.certificate()
	in := slices.ContainsFunc(q.Servers, func(s Server) bool { return s.ID == n.opts.ID })
	lower := slices.ContainsFunc(q.Servers, func(s Server) bool { return s.ID < from })
	var err error
	switch {
	case mine != (clusterID{}):
		err = errors.New("has a cluster already")
	case !in || lower || len(q.Servers) != n.opts.BootstrapExpect:
		err = fmt.Errorf("does not found a cluster of %d with %s", len(q.Servers), from)
	case !n.promiseTo(from, time.Now()):
		err = errors.New("has promised another to wait")
	}
	if err != nil {
		return failReply(replyRefused, err)
	}
	return okReply(nil)
}

// promiseTo binds this server not to found, nor help to found, another cluster
// for a while. It says whether that was possible.
func (n *Node) promiseTo(id string, now time.Time) bool {
	n.promiseMu.Lock()
	defer n.promiseMu.Unlock()
	if n.promised.to != id && now.Before(n.promised.until) {
		return false
	}
	n.promised = promised{to: id, until: now.Add(promiseFor)}
	return true
}

// adopt makes this server part of the cluster of who speaks Raft to it: of a
// leader, which took it in, or of the founder it has a promise with, which asks
// for its vote. Nobody else: the rest of a lost cluster would gather a majority
// of servers that have forgotten it.
func (n *Node) adopt(h hello) error {
	n.promiseMu.Lock()
	p := n.promised
	n.promiseMu.Unlock()
	bound := time.Now().Before(p.until)
	switch {
	case bound && p.to != h.from:
		return fmt.Errorf("this server has promised %s to be founded with it", p.to)
	case !bound && !h.leads:
		return fmt.Errorf("%s does not lead", h.from)
	}
	if err := n.dir.join(h.cluster, nil); err != nil {
		return err
	}
	n.log.Info("joined a cluster", "cluster", h.cluster.String(), "by", h.from)
	return nil
}
