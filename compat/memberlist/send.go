package memberlist

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// errNameRequired is returned, before anything is sent, under RequireNodeNames.
var errNameRequired = errors.New("memberlist: node names are required by configuration but one was not provided")

// SendBestEffort sends msg to a node in one packet, which may get lost, up to
// what the transport can carry.
func (m *Memberlist) SendBestEffort(to *Node, msg []byte) error {
	return m.sendPacket(to.addrPort(), to.Name, msg)
}

// SendReliable sends msg, up to 20 MiB, to a node over a stream. It returns when
// the node has taken it in.
func (m *Memberlist) SendReliable(to *Node, msg []byte) error {
	if err := m.needName(to.Name); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.conf.streamTimeout())
	defer cancel()
	return m.node.SendTo(ctx, to.addrPort(), to.Name, msg)
}

// SendToAddress sends msg to an address, whether there is a member or not, in
// one packet, which may get lost.
func (m *Memberlist) SendToAddress(a Address, msg []byte) error {
	to, err := resolveOne(a.Addr)
	if err != nil {
		m.log.Printf("[ERR] memberlist: Failed to parse address %q: %v", a.Addr, err)
		return err
	}
	return m.sendPacket(to, a.Name, msg)
}

// SendTo sends msg to an address in one packet, which may get lost.
//
// Deprecated: use SendBestEffort or, without a Node, SendToAddress.
func (m *Memberlist) SendTo(to net.Addr, msg []byte) error {
	return m.SendToAddress(Address{Addr: to.String()}, msg)
}

// SendToUDP is SendBestEffort.
//
// Deprecated: use SendBestEffort.
func (m *Memberlist) SendToUDP(to *Node, msg []byte) error { return m.SendBestEffort(to, msg) }

// SendToTCP is SendReliable.
//
// Deprecated: use SendReliable.
func (m *Memberlist) SendToTCP(to *Node, msg []byte) error { return m.SendReliable(to, msg) }

func (m *Memberlist) needName(name string) error {
	if name == "" && m.conf.RequireNodeNames {
		return errNameRequired
	}
	return nil
}

func (m *Memberlist) sendPacket(to netip.AddrPort, name string, msg []byte) error {
	if err := m.needName(name); err != nil {
		return err
	}
	err := m.node.SendPacketTo(to, name, msg)
	if isTooLarge(err) {
		return m.sendLarge(to, name, msg)
	}
	return err
}

// sendLarge sends a packet beyond UDPBufferSize, compressed if that helps.
// muster refuses such packets, as many networks lose them; but applications of
// memberlist have always been free to try.
func (m *Memberlist) sendLarge(to netip.AddrPort, name string, msg []byte) error {
	codec := m.conf.codec()
	packet := wire.AppendUser(nil, msg)
	if m.conf.EnableCompression {
		small, err := codec.AppendCompressed(nil, packet)
		if err != nil {
			return fmt.Errorf("send to %q at %v: %w", name, to, err)
		}
		if len(small) < len(packet) {
			packet = small
		}
	}
	member, ok := m.node.Member(name)
	sealed, err := codec.Seal(nil, packet, ok && member.Versions[1] >= ProtocolVersionMax)
	if err != nil {
		return fmt.Errorf("send to %q at %v: %w", name, to, err)
	}
	return m.net.WritePacketTo(sealed, to, name)
}

// codec is the one that the node uses.
func (c *Config) codec() *wire.Codec {
	codec := &wire.Codec{
		Label: c.Label, InsecureOutgoing: !c.GossipVerifyOutgoing, ProtocolVersion: c.ProtocolVersion,
		Compressors: compressors(),
	}
	if c.Keyring != nil {
		codec.Keyring = &c.Keyring.ring
	}
	if algorithm, err := c.CompressionAlgorithm.onWire(); err == nil { // Create has checked it
		codec.Algorithm = algorithm
	}
	return codec
}

// NoPingResponseError is returned by Ping when the node did not answer in time.
type NoPingResponseError struct {
	node string
}

// Error names the node.
func (f NoPingResponseError) Error() string { return "No response from node " + f.node }

// Ping asks the node of that name, at that address, for a sign of life and
// returns how long it took. Without one within Config.ProbeTimeout the error is
// a NoPingResponseError.
func (m *Memberlist) Ping(node string, addr net.Addr) (time.Duration, error) {
	if err := m.needName(node); err != nil {
		return 0, err
	}
	to := addrPortOf(addr)
	if !to.IsValid() {
		return 0, fmt.Errorf("ping %s: %v is not the address of a node", node, addr)
	}
	rtt, err := m.node.Ping(context.Background(), node, to)
	if errors.Is(err, swim.ErrNoAnswer) {
		m.log.Printf("[DEBUG] memberlist: Failed UDP ping: %v (timeout reached)", node)
		return 0, NoPingResponseError{node}
	}
	return rtt, err
}
