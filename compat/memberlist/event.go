package memberlist

// NodeEventType tells what happened to a node.
type NodeEventType int

// What may happen to a node.
const (
	NodeJoin NodeEventType = iota
	NodeLeave
	NodeUpdate
)

// NodeEvent is one change of membership. Node is a copy.
type NodeEvent struct {
	Event NodeEventType
	Node  *Node
}

// ChannelEventDelegate is an EventDelegate that sends to a channel. While the
// channel is full what else there is to report waits, changes of membership
// being folded; the node itself goes on.
type ChannelEventDelegate struct {
	Ch chan<- NodeEvent
}

var _ EventDelegate = (*ChannelEventDelegate)(nil)

// NotifyJoin sends a NodeJoin.
func (c *ChannelEventDelegate) NotifyJoin(n *Node) { c.send(NodeJoin, n) }

// NotifyLeave sends a NodeLeave.
func (c *ChannelEventDelegate) NotifyLeave(n *Node) { c.send(NodeLeave, n) }

// NotifyUpdate sends a NodeUpdate.
func (c *ChannelEventDelegate) NotifyUpdate(n *Node) { c.send(NodeUpdate, n) }

func (c *ChannelEventDelegate) send(kind NodeEventType, n *Node) {
	own := *n
	c.Ch <- NodeEvent{kind, &own}
}
