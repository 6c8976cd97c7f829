package consensus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/raft"
)

// How a cluster begins. A server that expects one server founds its own. With N
// expected, the lowest identity among N servers that see each other, have no
// cluster and expect N asks the other N-1 to promise that they found none, and
// is the only one that writes a first configuration. Two that both think they
// are the lowest, because gossip is not complete, do not both get N promises.

// promiseFor is how long a promise binds. The founder does its part in less than
// half of it, or gives up.
const promiseFor = 10 * time.Second

// founding is the request for a promise.
type founding struct {
	Cluster string   `json:"cluster"`
	Servers []Server `json:"servers"`
}

// promised is who has this server's promise, and until when.
type promised struct {
	to    string
	until time.Time
}

// found makes this server part of a cluster, if that is for it to do. It ends
// when the server has one.
func (n *Node) found(r *raft.Raft) {
	if err := n.finishFounding(r); err != nil {
		n.fail(fmt.Errorf("founding the cluster: %w", err))
		return
	}
	for n.opts.BootstrapExpect > 0 && n.ctx.Err() == nil {
		if _, mine := n.dir.certificate(); mine != (clusterID{}) {
			return
		}
		_, changed := n.members.list()
		if n.opts.BootstrapExpect == 1 {
			if err := n.foundWith(r, []Server{n.members.self}); err != nil {
				n.fail(fmt.Errorf("founding the cluster: %w", err))
			}
			return
		}
		if err := n.tryFound(r); err != nil {
			n.log.Debug("founding the cluster", "err", err)
		}
		if b, _ := n.dir.certificate(); len(b.Founders) > 0 {
			if err := n.gatherFounders(b); err != nil {
				n.log.Warn("founding the cluster", "err", err)
			}
			return
		}
		waitChange(n.ctx, changed, 250*time.Millisecond)
	}
}

// finishFounding does what a crash interrupted.
func (n *Node) finishFounding(r *raft.Raft) error {
	b, _ := n.dir.certificate()
	if len(b.Founders) == 0 {
		return nil
	}
	if !b.HasLog {
		if err := n.bootstrap(r, b.Founders); err != nil {
			return err
		}
	}
	return n.gatherFounders(b)
}

// gatherFounders asks the other founders for their promises until there is a
// leader: without them they would not vote, and they forget them in a restart.
func (n *Node) gatherFounders(b birth) error {
	q, err := json.Marshal(founding{Cluster: b.Cluster, Servers: b.Founders})
	if err != nil {
		return err
	}
	for n.ctx.Err() == nil {
		changed := n.leaders.watch()
		if n.leaders.id() != "" {
			return n.dir.certify(func(b *birth) error {
				b.Founders = nil
				return nil
			})
		}
		ctx, cancel := context.WithTimeout(n.ctx, time.Second)
		for _, s := range b.Founders {
			if s.ID == n.opts.ID {
				continue
			}
			if answer, err := n.client.call(ctx, nil, s.ID, askFound, q); err != nil || answer.err() != nil {
				n.log.Debug("asking a founder", "server", s.ID, "err", err, "answer", answer.err())
			}
		}
		cancel()
		waitChange(n.ctx, changed, 500*time.Millisecond)
	}
	return nil
}

// tryFound founds the cluster when this server is the one to do it.
func (n *Node) tryFound(r *raft.Raft) error {
	alive, _ := n.members.list()
	ids := make([]string, len(alive))
	for i, s := range alive {
		ids[i] = s.ID
	}
	answers := n.askAll(n.ctx, ids, time.Second)
	var ready []Server
	for _, s := range alive { // in the order of identities
		in, ok := answers[s.ID]
		switch {
		case ok && in.Cluster != "":
			return fmt.Errorf("server %s has a cluster already, which will take this one in", s.ID)
		case ok && in.Expect == n.opts.BootstrapExpect:
			ready = append(ready, s)
		}
	}
	if len(ready) < n.opts.BootstrapExpect {
		n.once("waiting for servers to found a cluster with", "have", len(ready), "expect", n.opts.BootstrapExpect)
		return nil
	}
	ready = ready[:n.opts.BootstrapExpect]
	if ready[0].ID != n.opts.ID {
		return nil // it is for that server to do
	}
	return n.foundWith(r, ready)
}

// foundWith asks for the promises and founds the cluster.
func (n *Node) foundWith(r *raft.Raft, servers []Server) error {
	start := time.Now()
	if !n.promiseTo(n.opts.ID, start) {
		return errors.New("this server has promised another to wait")
	}
	c, err := parseClusterID(strings.ReplaceAll(newUUID(), "-", ""))
	if err != nil {
		return err
	}
	q, err := json.Marshal(founding{Cluster: c.String(), Servers: servers})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(n.ctx, promiseFor/4)
	defer cancel()
	for _, s := range servers {
		if s.ID == n.opts.ID {
			continue
		}
		answer, err := n.client.call(ctx, nil, s.ID, askFound, q)
		if err == nil {
			err = answer.err()
		}
		if err != nil {
			return fmt.Errorf("server %s: %w", s.ID, err)
		}
	}
	if time.Since(start) > promiseFor/2 {
		return errors.New("the promises took too long")
	}
	if err := n.dir.join(c, servers); err != nil {
		return err
	}
	n.log.Info("founding a cluster", "cluster", c.String(), "servers", len(servers))
	return n.bootstrap(r, servers)
}

// bootstrap writes the first configuration and has this server stand for
// election at once: nobody else has a log.
func (n *Node) bootstrap(r *raft.Raft, servers []Server) error {
	var conf raft.Configuration
	for _, s := range servers {
		conf.Servers = append(conf.Servers, raft.Server{ID: raft.ServerID(s.ID), Address: engineAddr(s)})
	}
	err := n.await(r.BootstrapCluster(conf))
	if err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return err
	}
	n.standNow(r)
	return nil
}

// standNow makes the engine stand for election without waiting for a leader's
// silence. Only for when there can be no leader: followers give it their votes
// though they may still believe in one.
func (n *Node) standNow(r *raft.Raft) {
	var resp raft.TimeoutNowResponse
	req := &raft.TimeoutNowRequest{RPCHeader: n.trans.request(0).RPCHeader}
	if err := n.trans.TimeoutNow(raft.ServerID(n.opts.ID), n.trans.LocalAddr(), req, &resp); err != nil {
		n.log.Debug("standing for election", "err", err) // it happens a little later by itself
	}
}
