package httpapi

import (
	"context"
	"net/netip"
	"time"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// alone is a Cluster of one server.
type alone struct {
	addr        netip.AddrPort
	version     string
	reg         *registry.Registry
	connections Connections
}

// raftOffset is how far Raft's port is below the main one, where clients and
// tools compute it.
const raftOffset = 1000

func (a alone) address() string { return a.addr.String() }

// Members returns the one.
func (a alone) Members() []Member {
	raft := Raft{Leader: a.address(), State: "LEADER", Peers: []string{a.address()}, Applied: a.reg.Stats().AppliedIndex}
	return []Member{{
		ID: a.reg.Self(), IP: a.addr.Addr().String(), Port: int(a.addr.Port()), State: a.reg.Status(), Version: a.version,
		RaftPort: int(a.addr.Port()) - raftOffset, Refreshed: time.Now(), Raft: raft,
	}}
}

// Responsible returns the one.
func (a alone) Responsible(registry.ClientID) string { return a.address() }

// Subscribers has no other server to ask.
func (a alone) Subscribers(context.Context, registry.ServiceKey) []registry.SubscriberInfo {
	return nil
}

// RaftCommand has nothing to do it to.
func (a alone) RaftCommand(_ context.Context, command, _ string) error {
	return codes.Unimplemented.With("a server that is alone cannot " + command)
}

// Loads returns that of the one.
func (a alone) Loads(context.Context) map[string]int {
	n := 0
	if a.connections != nil {
		n = len(a.connections.Connections())
	}
	return map[string]int{a.address(): n}
}

// Rebalance has nothing to do.
func (a alone) Rebalance(context.Context, float64) error { return nil }
