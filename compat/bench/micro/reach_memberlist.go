package micro

import (
	"bytes"
	"io"
	"net"
	"time"
	_ "unsafe" // for go:linkname

	"github.com/hashicorp/go-msgpack/v2/codec"
	"github.com/hashicorp/memberlist"

	"github.com/musterhq/muster/compat/bench/fake"
)

// The functions below are memberlist 0.7.0's own. Their parameters are types
// of the same layout as memberlist's; go-msgpack sees the same fields, tags
// and order, so it does the same work.

//go:linkname mlEncode github.com/hashicorp/memberlist.encode
func mlEncode(msgType uint8, in any, newTimeFormat bool) (*bytes.Buffer, error)

//go:linkname mlDecode github.com/hashicorp/memberlist.decode
func mlDecode(buf []byte, out any) error

//go:linkname mlRandomNodes github.com/hashicorp/memberlist.kRandomNodes
func mlRandomNodes(k int, nodes []*mlNodeState, exclude func(*mlNodeState) bool) []memberlist.Node

//go:linkname mlReadRemoteState github.com/hashicorp/memberlist.(*Memberlist).readRemoteState
func mlReadRemoteState(m *memberlist.Memberlist, r io.Reader, dec *codec.Decoder) (join bool, nodes []fake.State, user []byte, err error)

//go:linkname mlMergeRemoteState github.com/hashicorp/memberlist.(*Memberlist).mergeRemoteState
func mlMergeRemoteState(m *memberlist.Memberlist, join bool, nodes []fake.State, user []byte) error

//go:linkname mlHandleAlive github.com/hashicorp/memberlist.(*Memberlist).handleAlive
func mlHandleAlive(m *memberlist.Memberlist, buf []byte, from net.Addr)

//go:linkname mlHandlePing github.com/hashicorp/memberlist.(*Memberlist).handlePing
func mlHandlePing(m *memberlist.Memberlist, buf []byte, from net.Addr)

type mlPing struct {
	SeqNo      uint32
	Node       string
	SourceAddr []byte `codec:",omitempty"`
	SourcePort uint16 `codec:",omitempty"`
	SourceNode string `codec:",omitempty"`
}

type mlAlive struct {
	Incarnation uint32
	Node        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Vsn         []uint8
}

type mlNodeState struct {
	memberlist.Node
	Incarnation uint32
	State       memberlist.NodeStateType
	StateChange time.Time
}
