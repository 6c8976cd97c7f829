package memberlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// errClosed means that the node or the transport has been shut down.
var errClosed = muster.ErrClosed

// Create starts a node, alone in its cluster until it, or another, calls Join.
// It sets the ports and the Keyring in conf, which from then on must be left
// alone. An error leaves nothing behind. Metadata longer than MetaMaxSize panic.
func Create(conf *Config) (*Memberlist, error) {
	if err := conf.check(); err != nil {
		return nil, err
	}
	l, err := newLogger(conf)
	if err != nil {
		return nil, err
	}
	if err := conf.installKey(); err != nil {
		return nil, err
	}
	m := &Memberlist{conf: conf, log: l, started: make(chan struct{}), replaced: make(map[string][]byte)}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.teller = newTeller(m.tellNote)
	cfg, err := m.config()
	if err != nil {
		return nil, err
	}
	t, err := network(conf, l)
	if err != nil {
		return nil, err
	}
	warnPublic(conf, t.Addr().Addr(), l)
	if conf.SkipInboundLabelCheck {
		t = unlabelled{t}
	}
	m.hidden.Store(m.introduce(t.Addr(), cfg.Meta) != nil)
	if err := m.start(cfg, t); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Memberlist) start(cfg muster.Config, t muster.NamedTransport) (err error) {
	cfg.Transport, m.net = t, t
	if m.node, err = muster.Start(cfg); err != nil {
		m.teller.close()
		close(m.started)
		return err
	}
	close(m.started)
	m.refreshAck()
	m.work.Go(m.keep)
	m.settle()
	return nil
}

// check finds what cannot work whatever else is configured.
func (c *Config) check() error {
	switch v := c.ProtocolVersion; {
	case v < ProtocolVersionMin:
		return fmt.Errorf("protocol version '%d' too low. Must be in range: [%d, %d]", v, ProtocolVersionMin, ProtocolVersionMax)
	case v > ProtocolVersionMax:
		return fmt.Errorf("protocol version '%d' too high. Must be in range: [%d, %d]", v, ProtocolVersionMin, ProtocolVersionMax)
	case len(c.Label) > LabelMaxSize:
		return fmt.Errorf("could not use %q as a label: too long", c.Label)
	}
	_, err := c.CompressionAlgorithm.onWire()
	return err
}

// installKey makes SecretKey the primary key.
func (c *Config) installKey() error {
	if len(c.SecretKey) == 0 {
		return nil
	}
	if c.Keyring == nil {
		ring, err := NewKeyring(nil, c.SecretKey)
		c.Keyring = ring
		return err
	}
	if err := c.Keyring.AddKey(c.SecretKey); err != nil {
		return err
	}
	return c.Keyring.UseKey(c.SecretKey)
}

// config translates the configuration. What memberlist would make the best of,
// a probe that times out after its interval say, is brought within bounds.
func (m *Memberlist) config() (muster.Config, error) {
	c := m.conf
	algorithm, err := c.CompressionAlgorithm.onWire()
	if err != nil {
		return muster.Config{}, err
	}
	cfg := muster.LAN() // for what memberlist has no name for
	cfg.Name, cfg.Label, cfg.SkipInboundLabelCheck = c.Name, c.Label, c.SkipInboundLabelCheck
	cfg.AcceptPlaintext, cfg.SendPlaintext = !c.GossipVerifyIncoming, !c.GossipVerifyOutgoing
	if c.Keyring != nil {
		cfg.Keyring = &c.Keyring.ring
	}
	cfg.Compression, cfg.CompressionAlgorithm, cfg.Compressors = c.EnableCompression, algorithm, compressors()
	cfg.ProtocolVersion = c.ProtocolVersion
	cfg.DelegateVersions = [3]uint8{c.DelegateProtocolMin, c.DelegateProtocolMax, c.DelegateProtocolVersion}
	cfg.DisableTCPPing, cfg.NoStreamPingFor = c.DisableTcpPings, c.DisableTcpPingsForNode
	cfg.DeadNodeReclaim = max(c.DeadNodeReclaimTime, 0)
	cfg.AllowedCIDRs = c.prefixes()
	cfg.MessageQueue = max(c.HandoffQueueDepth, 0)
	cfg.Logger = slog.New(lines{log: m.log})
	cfg.Meta = m.nodeMeta()
	c.timing(&cfg)
	m.hooks(&cfg)
	return cfg, nil
}

// timing takes over intervals and multipliers.
func (c *Config) timing(cfg *muster.Config) {
	cfg.ProbeInterval = max(c.ProbeInterval, 0)
	cfg.ProbeTimeout = max(c.ProbeTimeout, time.Millisecond)
	if cfg.ProbeInterval > 0 {
		cfg.ProbeTimeout = min(cfg.ProbeTimeout, cfg.ProbeInterval)
	}
	cfg.IndirectChecks = max(c.IndirectChecks, 0)
	cfg.GossipInterval, cfg.GossipNodes = max(c.GossipInterval, 0), max(c.GossipNodes, 0)
	cfg.GossipToTheDead = max(c.GossipToTheDeadTime, 0)
	cfg.RetransmitMult = max(c.RetransmitMult, 1)
	cfg.SuspicionMult = max(c.SuspicionMult, 1)
	cfg.SuspicionMaxTimeoutMult = max(c.SuspicionMaxTimeoutMult, 1)
	cfg.AwarenessMax = max(c.AwarenessMaxMultiplier, 1)
	cfg.PushPullInterval, cfg.PushPullNodes = max(c.PushPullInterval, 0), max(c.PushPullNodes, 1)
	cfg.StreamTimeout = c.streamTimeout()
	cfg.PacketSize = max(c.UDPBufferSize, c.packetLeast())
	if c.Transport == nil {
		cfg.PacketSize = min(cfg.PacketSize, datagramMost)
	}
}

const (
	datagramMost = 65507 // what UDP carries over IPv4
	messageMost  = 1100  // what the longest message about a node takes
	cryptMost    = 45    // what encryption adds
)

// packetLeast is what a packet must hold for every message to find its way.
func (c *Config) packetLeast() int {
	least := messageMost + c.codec().Overhead()
	if c.Keyring != nil && !c.EncryptionEnabled() {
		least += cryptMost // keys may be added later
	}
	return least
}

func (c *Config) streamTimeout() time.Duration {
	if c.TCPTimeout <= 0 {
		return defaultStreamTimeout
	}
	return c.TCPTimeout
}

const defaultStreamTimeout = 10 * time.Second

// nodeMeta asks for the metadata of this node.
func (m *Memberlist) nodeMeta() (meta []byte) {
	if m.conf.Delegate == nil {
		return nil
	}
	asking(func() { meta = m.conf.Delegate.NodeMeta(MetaMaxSize) })
	if len(meta) > MetaMaxSize {
		panic("Node meta data provided is longer than the limit")
	}
	return meta
}

// introduce shows this node to NotifyAlive, like any other that is alive.
func (m *Memberlist) introduce(addr netip.AddrPort, meta []byte) error {
	if m.conf.Alive == nil {
		return nil
	}
	return m.vetAlive(muster.Member{
		Name: m.conf.Name, Addr: addr, Meta: meta, Versions: wire.Versions(m.conf.BuildVsnArray()),
	})
}

// isTooLarge says whether a packet was refused for its size alone.
func isTooLarge(err error) bool { return errors.Is(err, swim.ErrTooLarge) }
