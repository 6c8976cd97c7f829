package memberlist

import (
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/musterhq/muster"
)

// NodeStateType is a node's state.
type NodeStateType int

// The states of a node. A suspect is still a member.
const (
	StateAlive NodeStateType = iota
	StateSuspect
	StateDead
	StateLeft
)

// Node is a copy of what is known of a node.
type Node struct {
	Name  string
	Addr  net.IP
	Port  uint16
	Meta  []byte        // what its NodeMeta returned; shared, do not write to it
	State NodeStateType // when the copy was made
	PMin  uint8         // protocol versions that it understands
	PMax  uint8
	PCur  uint8 // and speaks
	DMin  uint8 // its delegate's versions
	DMax  uint8
	DCur  uint8
}

// Address returns the node's "host:port".
func (n *Node) Address() string {
	return net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
}

// FullAddress returns the node's address and name.
func (n *Node) FullAddress() Address { return Address{Addr: n.Address(), Name: n.Name} }

// String returns the node's name.
func (n *Node) String() string { return n.Name }

// NodeState is a node with its history, for a NodeSelectionDelegate.
type NodeState struct {
	Node
	Incarnation uint32
	State       NodeStateType
	StateChange time.Time // when it came into its state
}

// Address returns the node's "host:port".
func (n *NodeState) Address() string { return n.Node.Address() }

// FullAddress returns the node's address and name.
func (n *NodeState) FullAddress() Address { return n.Node.FullAddress() }

// DeadOrLeft says whether the node is no longer a member.
func (n *NodeState) DeadOrLeft() bool { return n.State == StateDead || n.State == StateLeft }

func newNode(m *muster.Member) *Node {
	v := m.Versions
	return &Node{
		Name: m.Name, Addr: ipOf(m.Addr), Port: m.Addr.Port(), Meta: m.Meta, State: NodeStateType(m.State),
		PMin: v[0], PMax: v[1], PCur: v[2], DMin: v[3], DMax: v[4], DCur: v[5],
	}
}

func newNodeState(m *muster.Member) *NodeState {
	return &NodeState{
		Node: *newNode(m), Incarnation: m.Incarnation, State: NodeStateType(m.State), StateChange: m.Since,
	}
}

func newNodes(members []muster.Member) []*Node {
	nodes := make([]*Node, len(members))
	for i := range members {
		nodes[i] = newNode(&members[i])
	}
	return nodes
}

func ipOf(a netip.AddrPort) net.IP { return a.Addr().AsSlice() }

// addrPort returns where a node is; not valid if its address is not an IP.
func (n *Node) addrPort() netip.AddrPort {
	ip, ok := netip.AddrFromSlice(n.Addr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip.Unmap(), n.Port)
}
