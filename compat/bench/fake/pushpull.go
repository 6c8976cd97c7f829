// Package fake plays the peer of a large cluster: it holds the bytes of a
// push/pull of any number of members, as memberlist encodes them.
package fake

import (
	"bytes"
	"fmt"
	"io"
	"net"

	"github.com/hashicorp/go-msgpack/v2/codec"
)

// pushPullType is the type byte of a push/pull.
const pushPullType = 6

// Header precedes the members of a push/pull.
type Header struct {
	Nodes        int
	UserStateLen int
	Join         bool
}

// State is one member of a push/pull.
type State struct {
	Name        string
	Addr        []byte
	Port        uint16
	Meta        []byte
	Incarnation uint32
	State       int // 0 is alive
	Vsn         []uint8
}

// States are n live members with distinct names and addresses, no metadata.
func States(n int) []State {
	states := make([]State, n)
	for i := range states {
		states[i] = State{
			Name:        Name(i),
			Addr:        []byte{10, byte(i >> 16), byte(i >> 8), byte(i)},
			Port:        7946,
			Incarnation: 1,
			Vsn:         []uint8{1, 5, 2, 0, 0, 0},
		}
	}
	return states
}

// Name is the name of member i.
func Name(i int) string { return fmt.Sprintf("node-%05d", i) }

// PushPull is the message that carries these members: type byte, header,
// states; neither compressed nor encrypted.
func PushPull(states []State, join bool) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte(pushPullType)
	enc := codec.NewEncoder(&buf, &codec.MsgpackHandle{})
	if err := enc.Encode(&Header{Nodes: len(states), Join: join}); err != nil {
		return nil, fmt.Errorf("encode push/pull header: %w", err)
	}
	for i := range states {
		if err := enc.Encode(&states[i]); err != nil {
			return nil, fmt.Errorf("encode state of %s: %w", states[i].Name, err)
		}
	}
	return buf.Bytes(), nil
}

// Peer answers whoever dials with message, whatever it is asked.
func Peer(message []byte) func(net.Conn) {
	return func(c net.Conn) {
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			// Ends when the dialler closes; what it sent does not matter.
			_, _ = io.Copy(io.Discard, c)
		}()
		_, _ = c.Write(message) // a dialler that does not take it reports it
		<-asked
		_ = c.Close()
	}
}
