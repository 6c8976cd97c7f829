package main

import (
	"context"
	"errors"

	"github.com/go-zookeeper/zk"

	"github.com/musterhq/muster/server/bench/peers"
)

// parts are all there is to measure.
var parts = []part{
	{"persistent", persistent},
	{"ephemeral", ephemeral},
	{"query", query},
	{"push", pushed},
	{"connections", connections},
	{"instances", instances},
	{"start", started},
	{"failover", failover},
}

// systems are those that are compared.
type systems struct {
	muster    *peers.Muster
	etcd      *peers.Etcd
	zookeeper *peers.ZooKeeper // nil: it is not installed
}

// start starts all systems.
func (b *bench) start(ctx context.Context) (s systems, err error) {
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.muster, err = peers.StartMuster(ctx, b.binary, b.space(), 3); err != nil {
		return s, err
	}
	if s.etcd, err = peers.StartEtcd(ctx, b.space()); err != nil {
		return s, err
	}
	s.zookeeper, err = peers.StartZooKeeper(ctx, b.space())
	if errors.Is(err, peers.ErrNotInstalled) {
		b.left(err)
		return s, nil
	}
	return s, err
}

func (s systems) close() {
	if s.muster != nil {
		s.muster.Close()
	}
	if s.etcd != nil {
		s.etcd.Close()
	}
	if s.zookeeper != nil {
		s.zookeeper.Close()
	}
}

// persistent: what is acknowledged when a majority has it on disk.
func persistent(ctx context.Context, b *bench) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	c := comparison{
		name: "register persistent", undoName: "deregister persistent",
		contenders: []contender{{"muster gRPC", s.muster, s.muster.Persistent}, {"muster HTTP", s.muster, s.muster.PersistentHTTP}, {"etcd put", s.etcd, s.etcd.Put}},
		targets: []target{
			{"etcd put", 1, 1}, {"etcd put", 16, 1}, {"etcd put", 64, 2}, {"etcd put", 256, 2}, {"zookeeper create", 256, 1},
		},
	}
	if s.zookeeper != nil {
		c.contenders = append(c.contenders, contender{"zookeeper create", s.zookeeper, s.zookeeper.Create(0)})
	}
	return b.compare(ctx, c)
}

// ephemeral: what goes with its client.
func ephemeral(ctx context.Context, b *bench) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	c := comparison{
		name: "register ephemeral", undoName: "deregister ephemeral",
		contenders: []contender{{"muster gRPC", s.muster, s.muster.Ephemeral}, {"muster HTTP", s.muster, s.muster.EphemeralHTTP}, {"etcd put, lease", s.etcd, s.etcd.PutLeased}},
	}
	for _, n := range b.crowds {
		c.targets = append(c.targets, target{"etcd put, lease", n, 3})
	}
	if s.zookeeper != nil {
		c.contenders = append(c.contenders, contender{"zookeeper ephemeral", s.zookeeper, s.zookeeper.Create(zk.FlagEphemeral)})
	}
	return b.compare(ctx, c)
}

// queried is how many services there are to ask for.
const queried = 1000

// query: what clients ask most.
func query(ctx context.Context, b *bench) error {
	s, err := b.start(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := errors.Join(s.muster.Fill(ctx, queried, 1), s.etcd.Fill(ctx, queried, 1)); err != nil {
		return err
	}
	c := comparison{
		name: "query, 1 instance",
		contenders: []contender{
			{"muster gRPC", s.muster, s.muster.Query(queried)}, {"muster HTTP", s.muster, s.muster.QueryHTTP(queried)},
			{"etcd get", s.etcd, s.etcd.Get(queried)}, {"etcd get, serializable", s.etcd, s.etcd.GetLocal(queried)},
		},
	}
	for _, n := range b.crowds {
		c.targets = append(c.targets, target{"etcd get", n, 3})
	}
	if s.zookeeper != nil {
		if err := s.zookeeper.Fill(ctx, queried); err != nil {
			return err
		}
		c.contenders = append(c.contenders, contender{"zookeeper get", s.zookeeper, s.zookeeper.Get(queried)})
	}
	return b.compare(ctx, c)
}
