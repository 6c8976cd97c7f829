package app

import (
	"encoding/json"
	"net"
	"net/netip"
	"strconv"

	"github.com/musterhq/muster"
)

// info is what a server says of itself in its metadata: how it can be reached
// beside its gossip, and whether it is ready. Fields are only ever added.
type info struct {
	Server  int    `json:"muster"` // version of this; members without are no servers
	HTTP    int    `json:"http"`
	GRPC    int    `json:"grpc"`
	Raft    int    `json:"raft"`
	Life    uint64 `json:"life"`
	Ready   bool   `json:"ready,omitempty"`
	Version string `json:"v,omitempty"`
	Cluster string `json:"cluster,omitempty"` // that it belongs to, once it does
}

func (i info) encode() ([]byte, error) { return json.Marshal(i) }

// infoOf reads a member's metadata; false if the member is no server.
func infoOf(m *muster.Member) (i info, ok bool) {
	if err := json.Unmarshal(m.Meta, &i); err != nil || i.Server < 1 || i.Life == 0 {
		return info{}, false
	}
	valid := func(port int) bool { return port > 0 && port <= 65535 }
	if !valid(i.HTTP) || !valid(i.GRPC) || !valid(i.Raft) {
		return info{}, false
	}
	return i, true
}

func hostPort(ip netip.Addr, port int) string {
	return net.JoinHostPort(ip.String(), strconv.Itoa(port))
}
